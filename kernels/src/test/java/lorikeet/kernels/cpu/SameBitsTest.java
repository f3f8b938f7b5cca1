package lorikeet.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Function;
import java.util.stream.Stream;
import lorikeet.kernels.AdamW;
import lorikeet.kernels.AttentionShape;
import lorikeet.kernels.Buffer;
import lorikeet.kernels.DType;
import lorikeet.kernels.Device;
import lorikeet.kernels.Matrix;
import lorikeet.kernels.Precision;
import lorikeet.kernels.Purpose;
import lorikeet.kernels.RandomKey;
import lorikeet.kernels.Spans;
import lorikeet.kernels.Unary;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Results are the same to the last bit whatever the number of threads, and whatever thread was faster. */
class SameBitsTest {
    private static final int ROWS = 300, COLUMNS = 570;

    /** Operands on one device, the same for every device. */
    private static final class Operands {
        final Device device;
        private final Random random = new Random(5);

        Operands(Device device) {
            this.device = device;
        }

        Buffer normals(int n) {
            var values = new float[n];
            for (int i = 0; i < n; i++) {
                values[i] = random.nextFloat() - random.nextFloat();
            }
            var buffer = device.memory().allocate(DType.F32, n, Purpose.ACTIVATIONS);
            device.upload(buffer, values);
            return buffer;
        }

        Matrix matrix(int rows, int columns) {
            return Matrix.of(normals(rows * columns), rows, columns);
        }
    }

    private static Arguments row(String name, Function<Operands, List<Buffer>> verb) {
        return Arguments.of(name, verb);
    }

    private static List<Buffer> gemm(Operands o, Matrix a, Matrix b) {
        var c = o.matrix(a.height(), b.width());
        o.device.gemm(c, a, b, 1, true, null);
        return List.of(c.data());
    }

    private static List<Buffer> attention(Operands o, float dropout) {
        int heads = 4, size = 32, tokens = 217, width = heads * size;
        var spans = Spans.on(o.device, new int[] {0, 100, 103, 210, tokens}, new int[] {0, 5, 0, 5},
                new int[] {70, 20, 0, 65});
        var shape = new AttentionShape(heads, 2, size, 0.2f, dropout, new RandomKey(1, 2));
        Matrix q = o.matrix(tokens, width), k = o.matrix(tokens, width / 2), v = o.matrix(tokens, width / 2);
        Matrix pk = o.matrix(70, width / 2), pv = o.matrix(70, width / 2);
        Matrix out = o.matrix(tokens, width), dout = o.matrix(tokens, width), dq = o.matrix(tokens, width);
        Matrix dk = o.matrix(tokens, width / 2), dv = o.matrix(tokens, width / 2);
        Matrix dpk = o.matrix(70, width / 2), dpv = o.matrix(70, width / 2);
        var lse = o.normals(tokens * heads);
        o.device.attention(out, lse, q, k, v, pk, pv, spans, shape);
        o.device.attentionBackward(dq, dk, dv, dpk, dpv, dout, out, lse, q, k, v, pk, pv, spans, shape);
        return List.of(out.data(), lse, dq.data(), dk.data(), dv.data(), dpk.data(), dpv.data());
    }

    static Stream<Arguments> verbs() {
        int n = ROWS * COLUMNS;
        return Stream.of(row("gemm", o -> gemm(o, o.matrix(ROWS, COLUMNS), o.matrix(COLUMNS, 900))),
                row("gemm, long inner axis",
                        o -> gemm(o, o.matrix(9_000, 48).transpose(), o.matrix(9_000, 40))),
                row("gemm, narrow", o -> gemm(o, o.matrix(9_000, 48), o.matrix(40, 48).transpose())),
                row("gemm, transposed", o -> gemm(o, o.matrix(COLUMNS, ROWS).transpose(),
                        o.matrix(900, COLUMNS).transpose())),
                row("gelu", o -> {
                    var y = o.normals(n);
                    o.device.unary(Unary.GELU_TANH, y, o.normals(n));
                    return List.of(y);
                }), row("dropout", o -> {
                    var y = o.normals(n);
                    o.device.dropout(y, o.normals(n), 0.1f, new RandomKey(3, 4), true);
                    return List.of(y);
                }), row("sum of all", o -> {
                    var y = o.normals(1);
                    o.device.sum(y, o.normals(n), 1, n, 1, true);
                    return List.of(y);
                }), row("sum of rows", o -> {
                    var y = o.normals(ROWS);
                    o.device.sum(y, o.normals(n), ROWS, COLUMNS, 1, true);
                    return List.of(y);
                }), row("sum of columns", o -> {
                    var y = o.normals(COLUMNS);
                    o.device.sum(y, o.normals(n), 1, ROWS, COLUMNS, true);
                    return List.of(y);
                }), row("layer norm", o -> {
                    Buffer y = o.normals(n), x = o.normals(n), mean = o.normals(ROWS), rstd = o.normals(ROWS);
                    Buffer gamma = o.normals(COLUMNS), dx = o.normals(n), dg = o.normals(COLUMNS),
                            db = o.normals(COLUMNS);
                    o.device.layerNorm(y, mean, rstd, x, gamma, gamma, ROWS, COLUMNS, 1e-5f);
                    o.device.layerNormBackward(dx, y, x, mean, rstd, gamma, ROWS, COLUMNS, true);
                    o.device.layerNormParameterGradient(dg, db, y, x, mean, rstd, ROWS, COLUMNS, true, true);
                    return List.of(y, mean, rstd, dx, dg, db);
                }), row("softmax", o -> {
                    Buffer y = o.normals(n), dx = o.normals(n);
                    o.device.softmax(y, o.normals(n), ROWS, COLUMNS);
                    o.device.softmaxBackward(dx, o.normals(n), y, ROWS, COLUMNS, true);
                    return List.of(y, dx);
                }), row("cross-entropy", o -> {
                    Buffer losses = o.normals(ROWS), dlogits = o.normals(n);
                    var labels = o.device.memory().allocate(DType.I32, ROWS, Purpose.ACTIVATIONS);
                    o.device.upload(labels, new Random(1).ints(ROWS, 0, COLUMNS).toArray());
                    o.device.crossEntropy(losses, dlogits, dlogits, labels, ROWS, COLUMNS, 0.1f);
                    return List.of(losses, dlogits);
                }), row("attention", o -> attention(o, 0)), row("attention with dropout", o -> attention(o, 0.2f)),
                row("optimizer", o -> {
                    Buffer control = o.normals(4), p = o.normals(n), g = o.normals(n), m = o.normals(n),
                            v = o.normals(n);
                    o.device.multiply(v, v, v, false);
                    o.device.gradientNorm(control, List.of(g, p), o.normals(1), 1);
                    o.device.adamw(new AdamW(1e-3f, 0.9f, 0.999f, 1e-8f, 3),
                            List.of(new AdamW.Parameter(p, g, m, v, 0.01f, 1)), control);
                    return List.of(control, p, m, v);
                }));
    }

    private static List<float[]> run(int threads, boolean oneDnn, Function<Operands, List<Buffer>> verb) {
        var device =
                oneDnn ? new CpuDevice(Precision.STRICT, threads) : CpuDevices.withoutOneDnn(Precision.STRICT, threads);
        try (device; var _ = device.memory().scope()) {
            var results = new ArrayList<float[]>();
            for (var buffer : verb.apply(new Operands(device))) {
                results.add(device.downloadFloats(buffer));
            }
            return results;
        }
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("verbs")
    void sameBits(String name, Function<Operands, List<Buffer>> verb) {
        for (boolean oneDnn : name.startsWith("gemm") ? new boolean[] {true, false} : new boolean[] {true}) {
            var expected = run(1, oneDnn, verb);
            for (int threads : new int[] {2, 3, 3, 3}) {
                var actual = run(threads, oneDnn, verb);
                for (int i = 0; i < expected.size(); i++) {
                    assertThat(Arrays.mismatch(actual.get(i), expected.get(i)))
                            .as("first difference in result %d with %d threads", i, threads).isEqualTo(-1);
                }
            }
        }
    }
}
