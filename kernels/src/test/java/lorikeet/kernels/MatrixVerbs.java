package lorikeet.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Matrix products in every arrangement of their operands. */
abstract class MatrixVerbs extends VerbFixture {

    /** An operand and its numbers as read, row by row. */
    private record Operand(Matrix matrix, float[] values) {
        double at(int t, int i, int j) {
            int row = matrix.transposed() ? j : i, column = matrix.transposed() ? i : j;
            long batch = matrix.batch() == 1 ? 0 : t * matrix.batchStride();
            return values[(int) (batch + (long) row * matrix.stride() + column)];
        }
    }

    private Operand operand(int height, int width, boolean transposed, int gap, int batch, DType dtype) {
        int rows = transposed ? width : height, columns = transposed ? height : width;
        int stride = columns + gap;
        long batchStride = (long) rows * stride + gap;
        var values = normals((int) (batch * batchStride));
        var data = dtype == DType.BF16 ? onBf16(values) : on(values);
        return new Operand(new Matrix(data, rows, columns, stride, transposed, batch, batch == 1 ? 0 : batchStride),
                values);
    }

    private static float bf16(double x) {
        int bits = Float.floatToRawIntBits((float) x);
        return Float.intBitsToFloat((bits + 0x7FFF + (bits >>> 16 & 1)) & 0xFFFF0000);
    }

    /** Compares one product with a loop in double; {@code round} rounds operands to bf16 first. */
    private void check(Operand a, Operand b, int cGap, float alpha, boolean add, boolean bias,
            boolean round, double tolerance) {
        int m = a.matrix.height(), n = b.matrix.width(), k = a.matrix.width();
        int batch = Math.max(a.matrix.batch(), b.matrix.batch());
        int stride = n + cGap;
        long batchStride = (long) m * stride + cGap;
        var c = target((int) (batch * batchStride), true);
        var biasValues = normals(n);
        var expected = doubles(c.values());
        for (int t = 0; t < batch; t++) {
            for (int i = 0; i < m; i++) {
                for (int j = 0; j < n; j++) {
                    double sum = 0;
                    for (int p = 0; p < k; p++) {
                        double x = a.at(t, i, p), y = b.at(t, p, j);
                        sum += round ? (double) bf16(x) * bf16(y) : x * y;
                    }
                    int at = (int) (t * batchStride + (long) i * stride + j);
                    expected[at] = (add ? expected[at] : 0) + alpha * sum + (bias ? biasValues[j] : 0);
                }
            }
        }
        device.gemm(new Matrix(c.buffer, m, n, stride, false, batch, batch == 1 ? 0 : batchStride), a.matrix, b.matrix,
                alpha, add, bias ? on(biasValues) : null);
        c.is(expected, false, tolerance);
    }

    @ParameterizedTest
    @CsvSource({"1, 1, 1", "3, 7, 13", "16, 16, 16", "17, 31, 64", "64, 100, 257", "257, 8, 100", "100, 3, 1000",
        "1, 257, 100", "1000, 1, 7", "13, 33, 0", "0, 5, 3", "5, 0, 3", "300, 1000, 65", "129, 65, 63"})
    void everyArrangement(int m, int n, int k) {
        for (int arrangement = 0; arrangement < 4; arrangement++) {
            boolean transposeA = (arrangement & 1) != 0, transposeB = (arrangement & 2) != 0;
            var a = operand(m, k, transposeA, 0, 1, DType.F32);
            var b = operand(k, n, transposeB, 0, 1, DType.F32);
            check(a, b, 0, 1, false, false, false, TOLERANCE);
            check(a, b, 0, 1, false, true, false, TOLERANCE);
            check(a, b, 0, 1, true, false, false, TOLERANCE);
            check(a, b, 0, -0.5f, true, false, false, TOLERANCE);
            check(a, b, 0, 2.5f, false, true, false, TOLERANCE);
        }
    }

    @ParameterizedTest
    @CsvSource({"1, 1, 1, 5", "7, 13, 31, 3", "64, 33, 17, 64", "33, 257, 100, 1", "130, 140, 65, 768"})
    void strided(int m, int n, int k, int gap) {
        for (int arrangement = 0; arrangement < 4; arrangement++) {
            var a = operand(m, k, (arrangement & 1) != 0, gap, 1, DType.F32);
            var b = operand(k, n, (arrangement & 2) != 0, gap + 1, 1, DType.F32);
            check(a, b, gap, 1, false, true, false, TOLERANCE);
            check(a, b, 0, 0.25f, true, false, false, TOLERANCE);
        }
    }

    @ParameterizedTest
    @CsvSource({"1, 1, 1", "3, 17, 7", "31, 16, 33", "70, 70, 70"})
    void batched(int m, int n, int k) {
        for (int arrangement = 0; arrangement < 4; arrangement++) {
            boolean transposeA = (arrangement & 1) != 0, transposeB = (arrangement & 2) != 0;
            var a = operand(m, k, transposeA, 2, 5, DType.F32);
            var b = operand(k, n, transposeB, 3, 5, DType.F32);
            check(a, b, 1, 1, false, true, false, TOLERANCE);
            check(a, b, 0, 1, true, false, false, TOLERANCE);
            check(a, operand(k, n, transposeB, 0, 1, DType.F32), 0, 1, false, false, false, TOLERANCE);
        }
    }

    /** A bf16 operand in STRICT is a number like any other; in BF16 the other operand is rounded too. */
    @ParameterizedTest
    @CsvSource({"1, 1, 1", "7, 33, 13", "64, 100, 65", "257, 16, 100", "5, 3, 0"})
    void bf16Operand(int m, int n, int k) {
        for (int arrangement = 0; arrangement < 4; arrangement++) {
            boolean transposeA = (arrangement & 1) != 0, transposeB = (arrangement & 2) != 0;
            var a = operand(m, k, transposeA, 3, 1, DType.F32);
            var b = operand(k, n, transposeB, 5, 1, DType.BF16);
            check(a, b, 0, 1, false, true, false, TOLERANCE);
            check(operand(m, k, transposeA, 0, 1, DType.BF16), b, 0, 1, true, false, false, TOLERANCE);
        }
    }

    /** Two operands of 32 bits are multiplied as in FAST there, on CUDA in TF32. */
    @Test
    void bf16Precision() {
        inPrecision(Precision.BF16, () -> {
            for (int arrangement = 0; arrangement < 4; arrangement++) {
                var a = operand(65, 70, (arrangement & 1) != 0, 3, 1, DType.F32);
                var b = operand(70, 33, (arrangement & 2) != 0, 5, 1, DType.BF16);
                check(a, b, 0, 0.5f, true, false, true, TOLERANCE);
                check(a, b, 0, 1, false, true, true, TOLERANCE);
                var exact = operand(70, 33, false, 0, 1, DType.F32);
                check(a, exact, 0, 1, false, true, false, TF32_TOLERANCE);
                assertThat(device.forProducts(a.matrix, exact.matrix)).isSameAs(a.matrix);
            }
        });
    }

    /** Operands may lose all but eight bits of their mantissa, sums may not. */
    @Test
    void fastPrecision() {
        inPrecision(Precision.FAST, () -> {
            var a = operand(65, 300, false, 0, 1, DType.F32);
            var b = operand(300, 80, true, 0, 1, DType.F32);
            check(a, b, 0, 1, false, true, false, 0.02);
            var wide = operand(300, 80, true, 0, 1, DType.BF16);
            check(a, wide, 0, 1, true, false, false, 0.02);
        });
    }

    /** Copies that a device keeps of frozen memory serve all products with it, and go when it changes. */
    @ParameterizedTest
    @CsvSource({"1, 64, 48", "65, 80, 300", "700, 33, 64", "400, 48, 300", "3, 600, 770", "40, 8, 100"})
    void frozenOperand(int m, int n, int k) {
        inPrecision(Precision.FAST, () -> {
            for (boolean transposed : new boolean[] {false, true}) {
                var b = operand(k, n, transposed, 3, 1, DType.F32);
                var memory = b.matrix.data();
                memory.freeze();
                check(operand(m, k, false, 0, 1, DType.F32), b, 0, 1, false, true, false, 0.02);
                check(operand(m, k, false, 5, 1, DType.F32), b, 3, -0.5f, true, false, false, 0.02);
                check(operand(m + 1, k, true, 0, 1, DType.F32), b, 0, 1, false, false, false, 0.02);
                var back = new Operand(b.matrix.transpose(), b.values);
                check(operand(m, n, false, 0, 1, DType.F32), back, 0, 1, true, false, false, 0.02);
                var scratch = operand(m, k, false, 0, 1, DType.F32);
                var ready = new Operand(device.forProducts(scratch.matrix, b.matrix), scratch.values);
                check(ready, b, 0, 1, true, false, false, 0.02);
                memory.thaw();
                var changed = new Operand(b.matrix, normals(b.values.length));
                device.upload(memory, changed.values);
                memory.freeze();
                check(operand(m, k, false, 0, 1, DType.F32), changed, 0, 1, false, true, false, 0.02);
            }
        });
    }

    @Test
    void frozenMemoryIsOnlyRead() {
        var x = operand(5, 5, false, 0, 1, DType.F32).matrix;
        var y = operand(5, 5, false, 0, 1, DType.F32).matrix;
        y.data().freeze();
        assertThatIllegalStateException().isThrownBy(() -> device.gemm(y, x, x, 1, false, null));
        assertThatIllegalStateException().isThrownBy(() -> device.copy(y.data(), x.data()));
        assertThatIllegalStateException().isThrownBy(() -> device.fill(y.data(), 1));
        assertThatIllegalStateException().isThrownBy(() -> device.upload(y.data(), new float[25]));
    }

    @Test
    void sizesThatDoNotFit() {
        var a = operand(3, 4, false, 0, 1, DType.F32).matrix;
        var b = operand(5, 6, false, 0, 1, DType.F32).matrix;
        var c = operand(3, 6, false, 0, 1, DType.F32).matrix;
        assertThatIllegalArgumentException().isThrownBy(() -> device.gemm(c, a, b, 1, false, null));
    }
}
