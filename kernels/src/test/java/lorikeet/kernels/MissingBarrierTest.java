package lorikeet.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.Arrays;
import java.util.Random;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import lorikeet.kernels.cuda.CudaDevice;
import lorikeet.kernels.cuda.Gpu;
import lorikeet.kernels.cuda.Kernels;
import lorikeet.kernels.sim.Barriers;
import lorikeet.kernels.sim.GpuFault;
import lorikeet.kernels.sim.SimGpu;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * No barrier of any kernel is superfluous or untested: without any one of them threads race. The GPU is a small one, so
 * that few rows are enough for a block to go on from one to the next.
 */
class MissingBarrierTest {
    private static final SimGpu.Options RACES = SimGpu.Options.DEFAULT.withRaces(true);
    private static final Pattern ENTRY = Pattern.compile("\\.entry (\\w+)\\(");

    /** A barrier of a module, counted from 0, and the kernel it belongs to. */
    private record Site(String module, int number, String kernel, String without) {
        static Site of(String module, int number) {
            var text = Kernels.ptx(module);
            var without = Barriers.without(text, number);
            int place = Arrays.mismatch(text.toCharArray(), without.toCharArray());
            var kernel = ENTRY.matcher(text.substring(0, place)).results().reduce((_, last) -> last).orElseThrow();
            return new Site(module, number, kernel.group(1), without);
        }

        @Override
        public String toString() {
            return kernel + ", barrier " + number + " of " + module;
        }
    }

    static Stream<Site> barriers() {
        return Kernels.MODULES.stream().flatMap(module -> IntStream.range(0, Barriers.count(Kernels.ptx(module)))
                .mapToObj(number -> Site.of(module, number)));
    }

    static Stream<String> kernels() {
        return barriers().map(Site::kernel).distinct();
    }

    @ParameterizedTest
    @MethodSource("barriers")
    void eachIsMissed(Site site) {
        assertThatThrownBy(() -> execute(site.kernel, site)).isInstanceOf(GpuFault.class)
                .hasMessageContainingAll("kernel " + site.kernel + ", block (", "), thread (", "PTX line ", "race: ");
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void withAllOfThemThereIsNoRace(String kernel) {
        assertThat(execute(kernel, null)).isPositive();
    }

    /** Launches a kernel in all its variants, without a barrier unless {@code site} is null; says how often. */
    private static int execute(String kernel, Site site) {
        var launches = new int[1];
        boolean tf32 = kernel.contains("tf32");
        var sim = new SimGpu(RACES.withCapability(tf32 ? 80 : 75));
        var gpu = (Gpu) Proxy.newProxyInstance(Gpu.class.getClassLoader(), new Class<?>[] {Gpu.class},
                (_, method, arguments) -> {
                    try {
                        switch (method.getName()) {
                            case "load" -> arguments[0] =
                                    site != null && arguments[0].equals(Kernels.ptx(site.module))
                                            ? site.without
                                            : arguments[0];
                            case "launch" -> launches[0] += ((Gpu.Kernel) arguments[0]).name().equals(kernel) ? 1 : 0;
                            case "properties" -> {
                                var p = sim.properties();
                                return new Gpu.Properties(p.model(), p.computeCapability(), p.memoryBytes(), 1,
                                        p.sharedBytesPerBlock(), p.sharedBytesPerBlockOptin());
                            }
                            default -> {
                            }
                        }
                        return method.invoke(sim, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
        try (var device = new CudaDevice(gpu, tf32 ? Precision.FAST : Precision.STRICT);
                var _ = device.memory().scope()) {
            new Verbs(device).run(kernel);
            device.synchronise();
        }
        return launches[0];
    }

    /** Small calls of the verbs that launch kernels with barriers. */
    private record Verbs(Device device) {
        /** Two warps a row, in runs of four and of one. */
        private static final int[] COLUMNS = {520, 521};
        /** One more than a small GPU's eight blocks of four rows hold. */
        private static final int ROWS = 33;

        void run(String kernel) {
            switch (kernel) {
                case "adamw", "sgd", "gradient_squares", "gradient_norm" -> learning(kernel);
                case "transpose_tiles" -> device.transpose(numbers(40 * 50), numbers(40 * 50), 1, 40, 1, 50, 1, false);
                case "sum_columns" -> Stream.of(8, 9).forEach(
                        inner -> device.sum(numbers(inner), numbers(90 * inner), 1, 90, inner, false));
                case "sum_rows" -> Arrays.stream(COLUMNS).forEach(
                        columns -> device.sum(numbers(ROWS), numbers(ROWS * columns), ROWS, columns, 1, false));
                default -> {
                    if (kernel.startsWith("attention")) {
                        attention(kernel);
                    } else {
                        Arrays.stream(COLUMNS).forEach(columns -> rows(kernel, columns));
                    }
                }
            }
        }

        private Buffer numbers(int count) {
            var random = new Random(count);
            var values = new float[count];
            for (int i = 0; i < count; i++) {
                values[i] = (float) random.nextGaussian();
            }
            var buffer = device.memory().allocate(DType.F32, count, Purpose.ACTIVATIONS);
            device.upload(buffer, values);
            return buffer;
        }

        private void rows(String kernel, int columns) {
            int n = ROWS * columns;
            switch (kernel) {
                case "softmax" -> device.softmax(numbers(n), numbers(n), ROWS, columns);
                case "softmax_backward" -> device.softmaxBackward(numbers(n), numbers(n), numbers(n), ROWS, columns,
                        false);
                case "cross_entropy" -> {
                    var labels = device.memory().allocate(DType.I32, ROWS, Purpose.ACTIVATIONS);
                    device.upload(labels, new int[ROWS]);
                    device.crossEntropy(numbers(ROWS), numbers(n), numbers(n), labels, ROWS, columns, 1);
                }
                case "layer_norm" -> device.layerNorm(numbers(n), numbers(ROWS), numbers(ROWS), numbers(n),
                        numbers(columns), numbers(columns), ROWS, columns, 1e-5f);
                case "add_layer_norm" -> device.addLayerNorm(numbers(n), numbers(n), numbers(ROWS), numbers(ROWS),
                        numbers(n), numbers(n), numbers(columns), numbers(columns), ROWS, columns, 1e-5f);
                case "layer_norm_backward" -> device.layerNormBackward(numbers(n), numbers(n), numbers(n),
                        numbers(ROWS), numbers(ROWS), numbers(columns), ROWS, columns, false);
                case "layer_norm_parameters" -> device.layerNormParameterGradient(numbers(columns), numbers(columns),
                        numbers(n), numbers(n), numbers(ROWS), numbers(ROWS), ROWS, columns, false, false);
                default -> throw new AssertionError("no verb is known that launches " + kernel);
            }
        }

        private void learning(String kernel) {
            int size = 5_000;
            var values = Stream.generate(() -> numbers(size)).limit(6).toList();
            var control = numbers(Device.CONTROL_SIZE);
            device.upload(control, new float[] {1, 1, 1, 0});
            switch (kernel) {
                case "sgd" -> device.sgd(1, 0, values.subList(0, 3), values.subList(3, 6), control);
                case "adamw" -> device.adamw(new AdamW(1, 0.9f, 0.999f, 1e-8f, 1),
                        values.stream().map(value -> new AdamW.Parameter(value, numbers(size), numbers(size),
                                numbers(size), 0, 1)).toList(),
                        control);
                default -> device.gradientNorm(control, values, numbers(1), 1);
            }
        }

        /** Two tiles of queries and more of keys, a prefix, heads that share keys; with and without dropout. */
        private void attention(String kernel) {
            int headSize = Integer.parseInt(kernel.substring(kernel.lastIndexOf('_') + 1));
            boolean step = kernel.contains("step");
            int tile = headSize <= 64 ? 32 : 16;
            int[] offsets = step ? new int[] {0, 1, 3} : new int[] {0, tile + 4};
            int tokens = offsets[offsets.length - 1], sequences = offsets.length - 1, heads = 2, prefixRows = tile + 8;
            var spans = Spans.on(device, offsets, new int[sequences], IntStream.generate(() -> prefixRows)
                    .limit(sequences).toArray());
            for (float dropout : step ? new float[] {0} : new float[] {0, 0.3f}) {
                var shape = new AttentionShape(heads, 1, headSize, 0.1f, dropout, new RandomKey(1, 2));
                var q = matrix(tokens, heads * headSize);
                var k = matrix(tokens, headSize);
                var v = matrix(tokens, headSize);
                var prefixK = matrix(prefixRows, headSize);
                var prefixV = matrix(prefixRows, headSize);
                var out = matrix(tokens, heads * headSize);
                var logSumExp = numbers(tokens * heads);
                if (!kernel.contains("queries") && !kernel.contains("keys")) {
                    device.attention(out, logSumExp, q, k, v, prefixK, prefixV, spans, shape);
                } else {
                    device.attentionBackward(matrix(tokens, heads * headSize), matrix(tokens, headSize),
                            matrix(tokens, headSize), matrix(prefixRows, headSize), matrix(prefixRows, headSize),
                            matrix(tokens, heads * headSize), out, logSumExp, q, k, v, prefixK, prefixV, spans, shape);
                }
            }
        }

        private Matrix matrix(int rows, int columns) {
            return Matrix.of(numbers(rows * columns), rows, columns);
        }
    }
}
