package lorikeet.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.Arrays;
import java.util.List;
import java.util.function.DoubleBinaryOperator;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Verbs that move numbers, or look at one of each operand at a time. */
abstract class ElementwiseVerbs extends VerbFixture {

    private double[] map(DoubleBinaryOperator f, float[] a, float[] b) {
        var y = new double[a.length];
        Arrays.setAll(y, i -> f.applyAsDouble(a[i], b[i]));
        return y;
    }

    @ParameterizedTest
    @MethodSource("sizes")
    void binary(int n) {
        float[] a = normals(n), b = positives(n);
        var sum = target(n);
        device.add(sum.buffer, on(a), on(b));
        sum.is(map(Double::sum, a, b));
        for (boolean add : new boolean[] {false, true}) {
            var product = target(n, add);
            device.multiply(product.buffer, on(a), on(b), add);
            product.is(map((x, y) -> x * y, a, b), add);
            var quotient = target(n, add);
            device.divide(quotient.buffer, on(a), on(b), add);
            quotient.is(map((x, y) -> x / y, a, b), add);
            var scaled = target(n, add);
            device.scale(scaled.buffer, on(a), -1.75f, add);
            scaled.is(map((x, _) -> -1.75 * x, a, b), add);
        }
    }

    @Test
    void targetMayBeASource() {
        var values = normals(100);
        var x = on(values);
        device.multiply(x, x, x, true);
        assertClose(device.downloadFloats(x), map((a, b) -> a + a * b, values, values), TOLERANCE);
    }

    private static double phi(double x) {
        return Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
    }

    /** The normal distribution function by its series around 0, or by its continued fraction far out. */
    private static double normal(double x) {
        if (Math.abs(x) > 5) {
            double z = Math.abs(x), fraction = z;
            for (int i = 60; i > 0; i--) {
                fraction = z + i / fraction;
            }
            return x > 0 ? 1 - phi(z) / fraction : phi(z) / fraction;
        }
        double term = x, sum = x;
        for (int i = 1; i < 150; i++) {
            term *= x * x / (2 * i + 1);
            sum += term;
        }
        return 0.5 + phi(x) * sum;
    }

    private static double sigmoid(double x) {
        return 1 / (1 + Math.exp(-x));
    }

    static DoubleUnaryOperator reference(Unary f) {
        return switch (f) {
            // (1 + tanh u) / 2 = σ(2u), which keeps its digits where tanh u is nearly −1
            case GELU_TANH -> x -> x * sigmoid(2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x));
            case GELU_ERF -> x -> x * normal(x);
            case RELU -> x -> Math.max(x, 0);
            case SILU -> x -> x * sigmoid(x);
            case TANH -> Math::tanh;
            case SIGMOID -> ElementwiseVerbs::sigmoid;
            case SQRT -> Math::sqrt;
        };
    }

    private static double derivative(Unary f, double x) {
        double h = 1e-5 * Math.max(1, Math.abs(x));
        var y = reference(f);
        return (8 * (y.applyAsDouble(x + h) - y.applyAsDouble(x - h)) - y.applyAsDouble(x + 2 * h)
                + y.applyAsDouble(x - 2 * h)) / (12 * h);
    }

    @ParameterizedTest
    @EnumSource(Unary.class)
    void unary(Unary f) {
        sizes().forEach(n -> {
            var x = f == Unary.SQRT ? positives(n) : normals(n);
            var dy = normals(n);
            var y = target(n);
            device.unary(f, y.buffer, on(x));
            y.is(map((v, _) -> reference(f).applyAsDouble(v), x, dy));
            for (boolean add : new boolean[] {false, true}) {
                var dx = target(n, add);
                device.unaryBackward(f, dx.buffer, on(dy), on(x), add);
                dx.is(map((v, d) -> d * derivative(f, v), x, dy), add);
            }
        });
    }

    /** Far from zero each function is its limit, exactly or to the last few bits, and never NaN. */
    @ParameterizedTest
    @EnumSource(value = Unary.class, names = "SQRT", mode = EnumSource.Mode.EXCLUDE)
    void unaryFarOut(Unary f) {
        var x = new float[] {-1e18f, -1e14f, -1e4f, -100, -30, -12, -8, -3, -1e-3f, -1e-6f, 0, 1e-6f, 1e-3f, 3, 8, 12,
            30, 100, 1e4f, 1e14f, 1e18f};
        var y = target(x.length);
        device.unary(f, y.buffer, on(x));
        var values = y.values();
        for (int i = 0; i < x.length; i++) {
            double expected = reference(f).applyAsDouble(x[i]);
            // Below 10⁻³⁰ a float's exponent runs out before a double's does.
            double allowed = TOLERANCE * Math.abs(expected) + 1e-30;
            assertThat((double) values[i]).as("%s of %s", f, x[i]).isBetween(expected - allowed, expected + allowed);
        }
        var dy = new float[x.length];
        Arrays.fill(dy, 1);
        var dx = target(x.length);
        device.unaryBackward(f, dx.buffer, on(dy), on(x), false);
        var slopes = dx.values();
        for (int i = 0; i < x.length; i++) {
            if (Math.abs(x[i]) >= 100) {
                boolean grows = f != Unary.TANH && f != Unary.SIGMOID && x[i] > 0;
                assertThat(slopes[i]).as("slope of %s at %s", f, x[i]).isEqualTo(grows ? 1 : 0);
            }
        }
    }

    @Test
    void nanStaysNan() {
        for (var f : Unary.values()) {
            var y = target(20);
            var x = normals(20);
            x[3] = Float.NaN;
            x[18] = Float.NaN;
            device.unary(f, y.buffer, on(x));
            assertThat(y.values()[3]).as(f.name()).isNaN();
            assertThat(y.values()[18]).as(f.name()).isNaN();
        }
    }

    @Test
    void copiesThatDoNotFitAreRefused() {
        Buffer floats = target(4).buffer, ids = on(1, 2, 3, 4), bf16 = onBf16(new float[4]);
        assertThatIllegalArgumentException().isThrownBy(() -> device.copy(floats, ids))
                .withMessageStartingWith("cannot copy I32[4]");
        assertThatIllegalArgumentException().isThrownBy(() -> device.copy(ids, bf16));
        assertThatIllegalArgumentException().isThrownBy(() -> device.copy(floats, bf16.slice(0, 3)));
        assertThatIllegalArgumentException().isThrownBy(() -> device.copy(floats, on(1f)));
    }

    @ParameterizedTest
    @MethodSource("sizes")
    void fillAndCopy(int n) {
        var filled = target(n);
        device.fill(filled.buffer, 2.5f);
        assertThat(filled.values()).containsOnly(n == 0 ? new float[0] : new float[] {2.5f});
        var x = normals(n);
        var copied = target(n);
        device.copy(copied.buffer, on(x));
        assertThat(copied.values()).isEqualTo(x);
        var ids = new int[n];
        Arrays.setAll(ids, i -> i * 7 - 3);
        var ints = device.memory().allocate(DType.I32, n, Purpose.ACTIVATIONS);
        device.copy(ints, on(ids));
        assertThat(device.downloadInts(ints)).isEqualTo(ids);
    }

    /** Both directions between F32 and BF16, against rounding by hand. */
    @ParameterizedTest
    @MethodSource("sizes")
    void bf16(int n) {
        var x = normals(n);
        var special = new float[] {Float.NaN, Float.POSITIVE_INFINITY, -0f, 1.00390625f, 1.01171875f, 3.4e38f, 1e-40f};
        System.arraycopy(special, 0, x, 0, Math.min(n, special.length));
        var expected = new float[n];
        for (int i = 0; i < n; i++) {
            int bits = Float.floatToRawIntBits(x[i]);
            int low = bits & 0xFFFF, high = bits >>> 16;
            boolean up = low > 0x8000 || low == 0x8000 && (high & 1) == 1;
            expected[i] = Float.isNaN(x[i]) ? Float.NaN : Float.intBitsToFloat((up ? high + 1 : high) << 16);
        }
        var narrow = device.memory().allocate(DType.BF16, n, Purpose.ACTIVATIONS);
        device.copy(narrow, on(x));
        assertThat(device.downloadFloats(narrow)).isEqualTo(expected);
        var wide = target(n);
        device.copy(wide.buffer, narrow);
        assertThat(wide.values()).isEqualTo(expected);
    }

    static Stream<Arguments> matrices() {
        return Stream.of(Arguments.of(0, 5, 7, 8), Arguments.of(1, 1, 1, 3), Arguments.of(3, 17, 20, 18),
                Arguments.of(13, 31, 31, 40), Arguments.of(65, 100, 300, 100), Arguments.of(7, 0, 3, 3));
    }

    @ParameterizedTest
    @MethodSource("matrices")
    void copyMatrix(int rows, int columns, int yStride, int xStride) {
        for (boolean add : new boolean[] {false, true}) {
            var x = normals(rows * xStride);
            var y = target(rows * yStride, true);
            var expected = doubles(y.values());
            for (int r = 0; r < rows; r++) {
                for (int c = 0; c < columns; c++) {
                    int at = r * yStride + c;
                    expected[at] = (add ? expected[at] : 0) + x[r * xStride + c];
                }
            }
            device.copyMatrix(new Matrix(y.buffer, rows, columns, yStride, false, 1, 0),
                    new Matrix(on(x), rows, columns, xStride, false, 1, 0), add);
            y.is(expected);
        }
    }

    static Stream<Arguments> transpositions() {
        return Stream.of(Arguments.of(1, 3, 1, 5, 1), Arguments.of(2, 3, 4, 5, 6), Arguments.of(1, 17, 1, 33, 1),
                Arguments.of(3, 1, 2, 7, 1), Arguments.of(1, 13, 1, 4, 64), Arguments.of(2, 64, 1, 100, 1),
                Arguments.of(0, 2, 2, 2, 2), Arguments.of(1, 2, 3, 0, 4), Arguments.of(2, 5, 3, 2, 17));
    }

    @ParameterizedTest
    @MethodSource("transpositions")
    void transpose(int outer, int a, int middle, int b, int inner) {
        int n = outer * a * middle * b * inner;
        for (boolean add : new boolean[] {false, true}) {
            var x = normals(n);
            var expected = new double[n];
            for (int i = 0; i < n; i++) {
                int in = i % inner, bi = i / inner % b, m = i / inner / b % middle, ai = i / inner / b / middle % a;
                int o = i / inner / b / middle / a;
                expected[(((o * b + bi) * middle + m) * a + ai) * inner + in] = x[i];
            }
            var y = target(n, add);
            device.transpose(y.buffer, on(x), outer, a, middle, b, inner, add);
            y.is(expected, add);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 7, 16, 33, 100})
    void gatherScatter(int columns) {
        int rows = 29, tableRows = 11, stride = columns + 3;
        var table = normals(tableRows * stride);
        var ids = random.ints(rows, 0, tableRows).toArray();
        for (boolean bf16 : new boolean[] {false, true}) {
            var tableBuffer = bf16 ? onBf16(table) : on(table);
            var y = target(rows * columns);
            var expected = new double[rows * columns];
            for (int i = 0; i < expected.length; i++) {
                expected[i] = table[ids[i / columns] * stride + i % columns];
            }
            device.gather(Matrix.of(y.buffer, rows, columns),
                    new Matrix(tableBuffer, tableRows, columns, stride, false, 1, 0), on(ids));
            y.is(expected);
        }
        var places = new int[] {10, 0, 4, 7};
        var x = normals(places.length * stride);
        var y = target(tableRows * columns, true);
        var expected = doubles(y.values());
        for (int r = 0; r < places.length; r++) {
            for (int c = 0; c < columns; c++) {
                expected[places[r] * columns + c] = x[r * stride + c];
            }
        }
        device.scatter(Matrix.of(y.buffer, tableRows, columns), on(places),
                new Matrix(on(x), places.length, columns, stride, false, 1, 0));
        y.is(expected);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 16, 33, 100})
    void gatherBackward(int columns) {
        int rows = 150, tableRows = 11;
        var dy = normals(rows * columns);
        var ids = random.ints(rows, 0, tableRows - 1).toArray();
        var table = target(tableRows * columns, true);
        var expected = new double[tableRows * columns];
        for (int i = 0; i < dy.length; i++) {
            expected[ids[i / columns] * columns + i % columns] += dy[i];
        }
        var order = Stream.iterate(0, i -> i + 1).limit(rows).sorted((a, b) -> Integer.compare(ids[a], ids[b]))
                .mapToInt(Integer::intValue).toArray();
        var runs = new java.util.ArrayList<Integer>();
        for (int i = 0; i < rows; i++) {
            if (i == 0 || ids[order[i]] != ids[order[i - 1]]) {
                runs.add(i);
            }
        }
        runs.add(rows);
        device.gatherBackward(Matrix.of(table.buffer, tableRows, columns), Matrix.of(on(dy), rows, columns), on(ids),
                on(order), on(runs.stream().mapToInt(Integer::intValue).toArray()));
        table.is(expected, true);
    }

    @ParameterizedTest
    @MethodSource("sizes")
    void dropout(int n) {
        var key = new RandomKey(0x123456789ABCDEFL, 0xFEDCBA9876543210L);
        float p = 0.3f;
        var x = normals(n);
        var expected = new double[n];
        for (int i = 0; i < n; i++) {
            float uniform = Philox.uniform(Philox.block(key, i / 4)[i % 4]);
            expected[i] = uniform >= p ? x[i] / (1 - (double) p) : 0;
        }
        for (boolean add : new boolean[] {false, true}) {
            var y = target(n, add);
            device.dropout(y.buffer, on(x), p, key, add);
            y.is(expected, add);
        }
    }

    static Stream<Arguments> repetitions() {
        return Stream.of(Arguments.of(1, 1, 1), Arguments.of(3, 5, 1), Arguments.of(1, 300, 7),
                Arguments.of(4, 3, 64), Arguments.of(2, 17, 33), Arguments.of(100, 257, 1), Arguments.of(1, 1000, 1),
                Arguments.of(3, 1, 1000), Arguments.of(0, 4, 4), Arguments.of(2, 0, 4), Arguments.of(2, 0, 1),
                Arguments.of(1, 70000, 1), Arguments.of(2, 5, 40001));
    }

    @ParameterizedTest
    @MethodSource("repetitions")
    void broadcastAndSum(int outer, int repeat, int inner) {
        int small = outer * inner, large = outer * repeat * inner;
        float[] x = normals(small), w = normals(large);
        var repeated = new double[large];
        var summed = new double[small];
        for (int i = 0; i < large; i++) {
            int at = i / inner / repeat * inner + i % inner;
            repeated[i] = x[at];
            summed[at] += w[i];
        }
        for (boolean add : new boolean[] {false, true}) {
            var y = target(large, add);
            device.broadcast(y.buffer, on(x), outer, repeat, inner, add);
            y.is(repeated, add);
            var s = target(small, add);
            device.sum(s.buffer, on(w), outer, repeat, inner, add);
            s.is(summed, add);
        }
    }

    static Stream<Arguments> tables() {
        return Stream.of(Arguments.of(1, 1), Arguments.of(3, 7), Arguments.of(17, 16), Arguments.of(5, 100),
                Arguments.of(100, 33), Arguments.of(0, 4), Arguments.of(4, 0), Arguments.of(2, 40001));
    }

    @ParameterizedTest
    @MethodSource("tables")
    void rows(int rows, int columns) {
        int n = rows * columns;
        float[] x = normals(n), row = normals(columns);
        var sum = new double[n];
        var product = new double[n];
        for (int i = 0; i < n; i++) {
            sum[i] = x[i] + row[i % columns];
            product[i] = (double) x[i] * row[i % columns];
        }
        var biased = target(n);
        device.addBias(biased.buffer, on(x), on(row), rows, columns);
        biased.is(sum);
        var dy = normals(n);
        for (var f : List.of(Unary.GELU_TANH, Unary.SILU)) {
            double[] y = new double[n], dx = new double[n];
            for (int i = 0; i < n; i++) {
                float biasedBy = x[i] + row[i % columns];
                y[i] = reference(f).applyAsDouble(biasedBy);
                dx[i] = dy[i] * derivative(f, biasedBy);
            }
            var activated = target(n);
            device.biasUnary(f, activated.buffer, on(x), on(row), rows, columns);
            activated.is(y);
            for (boolean add : new boolean[] {false, true}) {
                var tdx = target(n, add);
                device.biasUnaryBackward(f, tdx.buffer, on(dy), on(x), on(row), rows, columns, add);
                tdx.is(dx, add);
            }
        }
        for (boolean add : new boolean[] {false, true}) {
            var scaled = target(n, add);
            device.multiplyRow(scaled.buffer, on(x), on(row), rows, columns, add);
            scaled.is(product, add);
        }
    }
}
