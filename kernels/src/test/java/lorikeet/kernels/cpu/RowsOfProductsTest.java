package lorikeet.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Random;
import lorikeet.kernels.DType;
import lorikeet.kernels.Device;
import lorikeet.kernels.Matrix;
import lorikeet.kernels.Precision;
import lorikeet.kernels.Purpose;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Each row of a product in precision FAST is right, whatever the number of rows and the length of the sums. */
class RowsOfProductsTest {
    private static final int[] ROWS = {1, 7, 10, 15, 16, 31, 33, 56, 63, 64, 65, 88, 100, 112, 124, 127, 128, 508, 530};

    @ParameterizedTest
    @CsvSource({"768, 256, packed", "768, 64, packed transposed", "1024, 256, packed added",
        "1024, 256, transposed added", "1536, 100, transposed added", "2048, 256, packed", "2048, 256, plain",
        "2048, 40, transposed added", "2048, 64, transposed", "2304, 768, packed", "2304, 256, plain added",
        "3072, 256, packed", "3072, 256, packed added", "3072, 64, plain", "4095, 128, plain added",
        "9001, 64, packed", "9001, 64, plain"})
    void eachRow(int k, int n, String form) {
        try (var exact = new CpuDevice(Precision.STRICT, 2); var fast = new CpuDevice(Precision.FAST, 2)) {
            int most = ROWS[ROWS.length - 1];
            var random = new Random(k);
            var a = normals(random, most * k);
            var b = normals(random, k * n);
            for (int rows : ROWS) {
                var expected = product(exact, a, b, rows, k, n, form);
                var actual = product(fast, a, b, rows, k, n, form);
                for (int i = 0; i < rows; i++) {
                    double error = 0, size = 0;
                    for (int j = i * n; j < (i + 1) * n; j++) {
                        error += Math.pow(actual[j] - expected[j], 2);
                        size += Math.pow(expected[j], 2);
                    }
                    assertThat(Math.sqrt(error / size)).as("row %d of %d", i, rows).isLessThan(0.01);
                }
            }
        }
    }

    private static float[] product(Device device, float[] a, float[] b, int rows, int k, int n, String form) {
        var left = device.memory().allocate(DType.F32, (long) rows * k, Purpose.ACTIVATIONS);
        var right = device.memory().allocate(DType.F32, b.length, Purpose.WEIGHTS);
        var result = device.memory().allocate(DType.F32, (long) rows * n, Purpose.ACTIVATIONS);
        device.upload(left, Arrays.copyOf(a, rows * k));
        device.upload(right, b);
        device.fill(result, 1);
        if (form.contains("packed")) {
            right.freeze();
        }
        var factor = form.contains("transposed")
                ? Matrix.of(left, k, rows).transpose()
                : Matrix.of(left, rows, k);
        device.gemm(Matrix.of(result, rows, n), factor, Matrix.of(right, k, n), 1, form.contains("added"), null);
        var numbers = device.downloadFloats(result);
        left.release();
        right.release();
        result.release();
        return numbers;
    }

    private static float[] normals(Random random, int count) {
        var numbers = new float[count];
        for (int i = 0; i < count; i++) {
            numbers[i] = (float) random.nextGaussian();
        }
        return numbers;
    }
}
