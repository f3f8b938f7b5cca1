package lorikeet.bench;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;
import lorikeet.bench.Forks.Measured;
import lorikeet.engine.Attention;
import lorikeet.engine.Initialisation;
import lorikeet.engine.Shape;
import lorikeet.kernels.AttentionShape;
import lorikeet.kernels.Devices;
import lorikeet.kernels.Precision;
import lorikeet.kernels.Purpose;
import lorikeet.kernels.Spans;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import picocli.CommandLine.Command;

/** How time and memory grow. */
@Command(name = "scaling", mixinStandardHelpOptions = true,
        description = "Time and memory of a step over sequence length, batch, layers, LoRA's rank and threads, with the "
                + "exponents of the power laws that fit best.")
final class Scaling extends Measurement {
    private static final double LINEAR = 1.05;
    private static final int BYTES = 4;

    private final Table points = new Table("Steps of LoRA in precision fast, memory in MB at the ledger's peak",
            "over", "value", "ms", "activations, workspace", "optimizer", "gradients", "trainable",
            "optimizer and gradients = 3 × 4 × trainable");
    private final Table exponents = new Table("Exponents", "over", "from", "to", "time", "activations, workspace",
            "target");
    private final XYChart chart = new XYChartBuilder().title("Activations and workspace over what grows")
            .xAxisTitle("times the smallest").yAxisTitle("times the smallest").width(800).height(500).build();

    @Override
    void measure() throws IOException {
        chart.getStyler().setXAxisLogarithmic(true).setYAxisLogarithmic(true);
        var small = "6x256";
        over("length", full ? List.of(256, 512, 1024, 2048) : List.of(256, 1024, 2048), LINEAR,
                length -> workload(new Workload(small, 1, length)));
        over("batch", full ? List.of(1, 2, 4, 8, 16) : List.of(2, 4, 8), LINEAR,
                batch -> workload(new Workload(small, batch, 128)));
        over("layers", full ? List.of(2, 4, 8, 16) : List.of(2, 4, 8), LINEAR,
                layers -> workload(new Workload(layers + "x256", 4, 128)));
        over("rank", full ? List.of(4, 8, 16, 32, 64) : List.of(4, 16, 64), LINEAR,
                rank -> with(workload(new Workload(small, 4, 128)), "method", Methods.LORA_OF_RANK.apply(rank)));
        int processors = Runtime.getRuntime().availableProcessors();
        if (processors > 1) {
            over("threads", List.of(1, processors), LINEAR,
                    count -> with(workload(new Workload(small, 4, 128)), "threads", count));
        }
        attention();
        show(points);
        show(exponents);
        show(chart, "memory");
    }

    /** Attention alone, forward and backward, which a matrix of all scores would make quadratic. Bytes are counted, not timed. */
    private void attention() {
        var lengths = new double[] {256, 512, 1024, 2048};
        var bytes = new double[lengths.length];
        for (int i = 0; i < lengths.length; i++) {
            bytes[i] = attentionPeak((int) lengths[i], threads);
        }
        double growth = Statistics.exponent(lengths, bytes);
        exponents.row("length, attention alone", 256, 2048, Double.NaN, growth, Table.target(growth, LINEAR));
        chart.addSeries("length, attention alone", relative(lengths), relative(bytes));
    }

    /** Most bytes at a time, queries, keys and values themselves not counted. */
    static double attentionPeak(int length, int threads) {
        var shape = new AttentionShape(12, 12, 64, 0.125f);
        try (var device = Devices.open("cpu", Precision.STRICT, threads); var _ = device.memory().scope()) {
            int width = shape.heads() * shape.headSize();
            var queriesKeysValues = Initialisation.constant(device, Shape.of(length, 3 * width), 0.01f);
            var ledger = device.memory().ledger();
            ledger.resetPeaks();
            var spans = Spans.on(device, new int[] {0, length}, new int[] {0}, new int[] {0});
            Attention.attention(queriesKeysValues, null, spans, shape).sum().backward();
            double peak = ledger.peak() - ledger.peak(Purpose.WEIGHTS);
            queriesKeysValues.free();
            return peak;
        }
    }

    private Map<String, Object> workload(Workload workload) {
        return with(Map.of("precision", "fast", "method", Methods.LORA_ALL, "threads", threads), "workload", workload);
    }

    private static Map<String, Object> with(Map<String, Object> parameters, String name, Object value) {
        var more = new LinkedHashMap<>(parameters);
        more.put(name, value);
        return more;
    }

    private void over(String what, List<Integer> values, double most, IntFunction<Map<String, Object>> parameters) {
        var runs = values.stream().map(value -> run(new Forks(10, full ? 7 : 5), StepBenchmark.class, "step",
                parameters.apply(value))).toList();
        for (int i = 0; i < runs.size(); i++) {
            point(what, values.get(i), runs.get(i));
        }
        var x = values.stream().mapToDouble(value -> value).toArray();
        var memory = runs.stream().mapToDouble(Scaling::activations).toArray();
        double growth = Statistics.exponent(x, memory);
        double slowing = Statistics.exponent(x, runs.stream().mapToDouble(Measured::median).toArray());
        exponents.row(what, values.getFirst(), values.getLast(), slowing, growth, Table.target(growth, most));
        chart.addSeries(what, relative(x), relative(memory));
    }

    private void point(String what, int value, Measured run) {
        double learned = run.secondary("optimizer") + run.secondary("gradients");
        points.row(what, value, run.median(), Table.megabytes(activations(run)),
                Table.megabytes(run.secondary("optimizer")), Table.megabytes(run.secondary("gradients")),
                (long) run.secondary("trainable"),
                learned == 3 * BYTES * run.secondary("trainable") ? "✓" : "no: %,.0f bytes".formatted(learned));
    }

    private static double activations(Measured run) {
        return run.secondary("activations") + run.secondary("workspace");
    }

    private static double[] relative(double[] values) {
        var relative = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            relative[i] = values[i] / values[0];
        }
        return relative;
    }
}
