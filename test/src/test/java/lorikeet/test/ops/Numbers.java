package lorikeet.test.ops;

import java.util.Arrays;
import java.util.function.DoubleBinaryOperator;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.IntStream;
import lorikeet.engine.Shape;

/** Doubles with a shape: what a reference formula reads. */
record Numbers(Shape shape, double[] values) {
    int dim(int axis) {
        return shape.dim(axis);
    }

    /** Element of a matrix. */
    double at(int row, int column) {
        return values[row * shape.columns() + column];
    }

    double[] map(DoubleUnaryOperator f) {
        return Arrays.stream(values).map(f).toArray();
    }

    double[] zip(Numbers other, DoubleBinaryOperator f) {
        return IntStream.range(0, values.length)
                .mapToDouble(i -> f.applyAsDouble(values[i], other.values[i]))
                .toArray();
    }

    /** f of each element and the element of {@code row} in its column. */
    double[] zipRow(Numbers row, DoubleBinaryOperator f) {
        int columns = row.values.length;
        return IntStream.range(0, values.length)
                .mapToDouble(i -> f.applyAsDouble(values[i], row.values[i % columns]))
                .toArray();
    }

    /** f of each row, one after the other. */
    double[] mapRows(RowFunction f) {
        int columns = shape.columns();
        var y = new double[values.length];
        for (int from = 0; from < values.length; from += columns) {
            System.arraycopy(f.apply(Arrays.copyOfRange(values, from, from + columns)), 0, y, from, columns);
        }
        return y;
    }

    interface RowFunction {
        double[] apply(double[] row);
    }

    /** This [batch, rows, inner] times other [batch, inner, columns], both read as stored. */
    double[] product(Numbers other, int batch, int rows, int inner, int columns, boolean transposed) {
        var y = new double[batch * rows * columns];
        for (int i = 0; i < y.length; i++) {
            int b = i / (rows * columns);
            int r = i / columns % rows;
            int c = i % columns;
            for (int k = 0; k < inner; k++) {
                double right = transposed
                        ? other.values[(b * columns + c) * inner + k]
                        : other.values[(b * inner + k) * columns + c];
                y[i] += values[(b * rows + r) * inner + k] * right;
            }
        }
        return y;
    }
}
