package lorikeet.peft.lessons;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.function.IntUnaryOperator;
import java.util.stream.Stream;
import lorikeet.engine.Attention;
import lorikeet.engine.Tensor;
import lorikeet.kernels.AttentionShape;
import lorikeet.kernels.Precision;
import lorikeet.kernels.Spans;
import lorikeet.kernels.cpu.CpuDevice;

/** Lesson 3: attention with a prefix in front, against the engine's. */
final class SoftPromptExercise implements Exercise {
    private static final int SIZE = 8;

    private interface Task {
        double[][] attention(double[][] q, double[][] k, double[][] v, double[][] prefixKeys, double[][] prefixValues);
    }

    @Override
    public String title() {
        return "Soft prompts";
    }

    @Override
    public String check(Path file) throws IOException {
        var student = StudentCode.in(file, name(), Task.class);
        check(student, "attention", inputs(4, 3, 1));
        check(student, "attention without a prefix", inputs(4, 0, 1));
        check(student, "attention with scores of some thousands", inputs(4, 3, 1e3));
        return "The same as the engine's attention, with a prefix and without, with small scores and with large ones.";
    }

    private record Inputs(double[][] q, double[][] k, double[][] v, double[][] prefixKeys, double[][] prefixValues) {}

    private static Inputs inputs(int tokens, int prefix, double size) {
        var random = new Random(3);
        return new Inputs(Rows.times(Rows.random(random, tokens, SIZE), size), Rows.random(random, tokens, SIZE),
                Rows.random(random, tokens, SIZE), Rows.random(random, prefix, SIZE),
                Rows.random(random, prefix, SIZE));
    }

    private static void check(Task student, String what, Inputs in) {
        double scale = 1 / Math.sqrt(SIZE);
        int p = in.prefixKeys.length;
        var all = new Inputs(in.q, join(in.prefixKeys, in.k), join(in.prefixValues, in.v), null, null);
        Expectation.of("The result of " + what, engine(in))
                .orIf(mix(in.q, in.k, in.v, scale, t -> t + 1), "the prefix is left out")
                .orIf(mix(all.q, all.k, all.v, 1, t -> p + t + 1), "scores are not divided by √d")
                .orIf(mix(all.q, all.k, all.v, scale * scale, t -> p + t + 1), "scores are divided by d instead of √d")
                .orIf(mix(all.q, all.k, all.v, scale, _ -> p + in.k.length),
                        "tokens see those behind them; token t sees tokens 0 to t")
                .orIf(mix(all.q, all.k, all.v, scale, t -> p + t),
                        "a token does not see itself; token t sees tokens 0 to t, t among them")
                .orIf(mix(all.q, all.k, all.v, scale, t -> t + 1),
                        "the mask counts from the start of the prefix; every token sees all of the prefix")
                .orIf(mix(all.q, all.k, join(in.v, in.prefixValues), scale, t -> p + t + 1),
                        "keys and values stand in different orders")
                .orIf(p == 0
                        ? in.v
                        : Rows.plus(mix(in.q, in.k, in.v, scale, t -> t + 1),
                                mix(in.q, in.prefixKeys, in.prefixValues, scale, _ -> p)),
                        "there are two softmaxes; prefix and tokens share one")
                .check(student.attention(in.q, in.k, in.v, in.prefixKeys, in.prefixValues));
    }

    private static double[][] join(double[][] front, double[][] back) {
        return Stream.of(front, back).flatMap(Stream::of).toArray(double[][]::new);
    }

    /** Each query's mixture of the first {@code seen} values. */
    private static double[][] mix(double[][] q, double[][] k, double[][] v, double scale, IntUnaryOperator seen) {
        var result = new double[q.length][v[0].length];
        for (int t = 0; t < q.length; t++) {
            var query = q[t];
            int count = seen.applyAsInt(t);
            var scores = Stream.of(k).limit(count).mapToDouble(key -> scale * Rows.dot(Rows.of(query), Rows.of(key)))
                    .toArray();
            double largest = Arrays.stream(scores).max().orElse(0);
            var weights = Arrays.stream(scores).map(score -> Math.exp(score - largest)).toArray();
            double sum = Arrays.stream(weights).sum();
            for (int j = 0; j < weights.length; j++) {
                for (int c = 0; c < v[j].length; c++) {
                    result[t][c] += weights[j] / sum * v[j][c];
                }
            }
        }
        return result;
    }

    private static double[][] engine(Inputs in) {
        try (var device = new CpuDevice(Precision.STRICT, 1); var _ = device.memory().scope()) {
            int prefix = in.prefixKeys.length;
            var qkv = Tensor.concat(1, Stream.of(in.q, in.k, in.v).map(rows -> Rows.on(device, rows)).toList());
            var front = prefix == 0
                    ? null
                    : Tensor.concat(1,
                            Stream.of(in.prefixKeys, in.prefixValues).map(rows -> Rows.on(device, rows)).toList());
            var spans = Spans.on(device, new int[] {0, in.q.length}, new int[] {0}, new int[] {prefix});
            return Rows.of(Attention.attention(qkv, front, spans,
                    new AttentionShape(1, 1, SIZE, (float) (1 / Math.sqrt(SIZE)))));
        }
    }
}
