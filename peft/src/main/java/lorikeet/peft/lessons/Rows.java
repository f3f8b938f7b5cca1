package lorikeet.peft.lessons;

import java.util.Arrays;
import java.util.Random;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.Stream;
import lorikeet.engine.Shape;
import lorikeet.engine.Tensor;
import lorikeet.kernels.Device;

/** Small matrices as students write them, one array a row; a single number is one row of one. */
final class Rows {
    private Rows() {}

    static double[][] of(double... row) {
        return new double[][] {row};
    }

    /** Normal deviates. */
    static double[][] random(Random random, int rows, int columns) {
        var m = new double[rows][columns];
        for (var row : m) {
            Arrays.setAll(row, _ -> random.nextGaussian());
        }
        return m;
    }

    static double[][] copy(double[][] m) {
        return Stream.of(m).map(row -> row == null ? null : row.clone()).toArray(double[][]::new);
    }

    static double[][] map(double[][] m, DoubleUnaryOperator f) {
        return Stream.of(m).map(row -> Arrays.stream(row).map(f).toArray()).toArray(double[][]::new);
    }

    static double[][] times(double[][] m, double factor) {
        return map(m, v -> v * factor);
    }

    static double[][] plus(double[][] a, double[][] b) {
        var sum = copy(a);
        for (int i = 0; i < a.length; i++) {
            for (int j = 0; j < a[i].length; j++) {
                sum[i][j] += b[i][j];
            }
        }
        return sum;
    }

    /** Element by element. */
    static double[][] times(double[][] a, double[][] b) {
        var product = copy(a);
        for (int i = 0; i < a.length; i++) {
            for (int j = 0; j < a[i].length; j++) {
                product[i][j] *= b[i][j];
            }
        }
        return product;
    }

    /** The matrix product. */
    static double[][] product(double[][] a, double[][] b) {
        var product = new double[a.length][b[0].length];
        for (int i = 0; i < a.length; i++) {
            for (int k = 0; k < b.length; k++) {
                for (int j = 0; j < b[k].length; j++) {
                    product[i][j] += a[i][k] * b[k][j];
                }
            }
        }
        return product;
    }

    static double[][] transpose(double[][] m) {
        var transpose = new double[m[0].length][m.length];
        for (int i = 0; i < m.length; i++) {
            for (int j = 0; j < m[i].length; j++) {
                transpose[j][i] = m[i][j];
            }
        }
        return transpose;
    }

    /** The first {@code count} rows. */
    static double[][] first(double[][] m, int count) {
        return Arrays.copyOf(m, count);
    }

    /** The sum of all products of entries at the same place. */
    static double dot(double[][] a, double[][] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            for (int j = 0; j < a[i].length; j++) {
                sum += a[i][j] * b[i][j];
            }
        }
        return sum;
    }

    static double[] flat(double[][] m) {
        return Stream.of(m).flatMapToDouble(Arrays::stream).toArray();
    }

    /** Rows of {@code columns} numbers each. */
    static double[][] split(double[] numbers, int columns) {
        var rows = new double[numbers.length / columns][];
        Arrays.setAll(rows, i -> Arrays.copyOfRange(numbers, i * columns, (i + 1) * columns));
        return rows;
    }

    /** The same numbers on a device, in 32 bits. */
    static Tensor on(Device device, double[][] m) {
        return Tensor.of(device, Shape.of(m.length, m[0].length), floats(flat(m)));
    }

    static double[][] of(Tensor tensor) {
        return split(doubles(tensor.toArray()), tensor.shape().columns());
    }

    static float[] floats(double[] numbers) {
        var floats = new float[numbers.length];
        for (int i = 0; i < numbers.length; i++) {
            floats[i] = (float) numbers[i];
        }
        return floats;
    }

    static double[] doubles(float[] numbers) {
        var doubles = new double[numbers.length];
        Arrays.setAll(doubles, i -> numbers[i]);
        return doubles;
    }
}
