package lorikeet.bench;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import lorikeet.engine.AdamWOptimizer;
import lorikeet.engine.Schedule;
import lorikeet.kernels.DType;
import lorikeet.kernels.Devices;
import lorikeet.kernels.Precision;
import lorikeet.model.BundledBase;
import lorikeet.model.Dropouts;
import lorikeet.model.ModelFolder;
import lorikeet.model.Training;
import lorikeet.model.data.Batches;
import lorikeet.model.data.Dataset;
import lorikeet.model.data.TextTask;
import lorikeet.model.data.WordNet;
import lorikeet.model.data.WordNetTasks;
import lorikeet.model.text.Tokenizer;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.style.markers.SeriesMarkers;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Whether what is faster learns the same. */
@Command(name = "curve", mixinStandardHelpOptions = true,
        description = "The loss of each step in precision fast and bf16 against strict: LoRA on the bundled base, "
                + "same batches; topics has a label for each example, definitions one for each token of it.")
final class Curve extends Measurement {
    private static final double TARGET_PERCENT = 1;
    private static final int EXAMPLES = 6000;

    @Option(names = "--steps", defaultValue = "200", paramLabel = "N", description = "Default: ${DEFAULT-VALUE}.")
    private int steps;

    @Override
    void measure() throws IOException {
        var table = new Table("Difference from strict over " + steps + " steps, in percent of strict's loss", "task",
                "precision", "mean", "largest in a step", "last loss", "last loss of strict", "target for the largest");
        var wordNet = WordNet.load();
        var charts = new ArrayList<XYChart>();
        for (var task : List.of(WordNetTasks.topics(wordNet), WordNetTasks.definitions(wordNet))) {
            charts.add(compare(task.first(EXAMPLES, 1), table));
        }
        show(table);
        for (var chart : charts) {
            show(chart, chart.getTitle());
        }
    }

    private XYChart compare(TextTask task, Table table) throws IOException {
        var strict = losses(task, Precision.STRICT);
        var chart = new XYChartBuilder().title(task.name()).xAxisTitle("step").yAxisTitle("loss").width(800).height(500)
                .build();
        var x = IntStream.rangeClosed(1, steps).asDoubleStream().toArray();
        chart.addSeries("strict", x, strict).setMarker(SeriesMarkers.NONE);
        for (var precision : List.of(Precision.FAST, Precision.BF16)) {
            var name = precision.name().toLowerCase(Locale.ROOT);
            var losses = losses(task, precision);
            chart.addSeries(name, x, losses).setMarker(SeriesMarkers.NONE);
            var percent = new double[steps];
            for (int i = 0; i < steps; i++) {
                percent[i] = 100 * Math.abs(losses[i] / strict[i] - 1);
            }
            double largest = Statistics.range(percent)[1];
            table.row(task.name(), name, IntStream.range(0, steps).mapToDouble(i -> percent[i]).average().orElseThrow(),
                    largest, losses[steps - 1], strict[steps - 1],
                    precision == Precision.FAST ? Table.target(largest, TARGET_PERCENT) : "none");
        }
        return chart;
    }

    private double[] losses(TextTask task, Precision precision) throws IOException {
        var folder = ModelFolder.open(BundledBase.folder());
        var losses = new double[steps];
        try (var device = Devices.open("cpu", precision, threads);
                var tokenizer = Tokenizer.open(folder.tokenizer(), folder.config().endOfText());
                var decoder = folder.load(device, precision == Precision.BF16 ? DType.BF16 : DType.F32,
                        Dropouts.NONE)) {
            var adapter = Methods.of(Methods.LORA_ALL).attach(decoder, 1);
            var examples = Dataset.fit(task.encode(tokenizer).training(), decoder.shape().context()).examples();
            var batches = new Batches(examples, 32, true, 1);
            var parameters = List.copyOf(adapter.parameters().values());
            try (var optimizer = new AdamWOptimizer(List.of(new AdamWOptimizer.Group(parameters, 0.01f, 1)),
                    AdamWOptimizer.Settings.DEFAULT)) {
                new Training(steps, 1, 3e-3f, new Schedule(Schedule.Kind.LINEAR, steps / 20, steps), 1, 1, false)
                        .run(decoder, optimizer, batches::get, 0, step -> {
                            losses[step.step() - 1] = step.loss();
                            return true;
                        });
            }
        }
        return losses;
    }
}
