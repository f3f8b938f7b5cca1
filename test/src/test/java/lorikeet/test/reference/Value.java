package lorikeet.test.reference;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.IntStream;

/**
 * A matrix of doubles that remembers how it was made, so that {@link #backward} finds the gradient of a single number with
 * respect to everything behind it. Made to be read and believed, not to be fast: few operations, one rule each.
 */
final class Value {
    final int rows;
    final int columns;
    final double[] data;
    /** The gradient; null where none is wanted. Rules add to it. */
    final double[] gradient;
    private final List<Value> inputs;
    private Consumer<double[]> rule = _ -> {};

    private Value(int rows, int columns, double[] data, boolean wanted, List<Value> inputs) {
        if (data.length != rows * columns) {
            throw new IllegalArgumentException(data.length + " numbers for " + rows + " x " + columns);
        }
        this.rows = rows;
        this.columns = columns;
        this.data = data;
        this.gradient = wanted ? new double[data.length] : null;
        this.inputs = inputs;
    }

    /** A parameter, whose gradient is wanted, or a constant. */
    static Value leaf(int rows, int columns, double[] data, boolean wanted) {
        return new Value(rows, columns, data, wanted, List.of());
    }

    static Value constant(int rows, int columns, double[] data) {
        return leaf(rows, columns, data, false);
    }

    /** The result of an operation; {@code rule} gets its gradient and adds to those of the inputs that want one. */
    private static Value of(int rows, int columns, double[] data, List<Value> inputs, Consumer<double[]> rule) {
        boolean wanted = inputs.stream().anyMatch(Value::wanted);
        var value = new Value(rows, columns, data, wanted, wanted ? inputs : List.of());
        if (wanted) {
            value.rule = rule;
        }
        return value;
    }

    private boolean wanted() {
        return gradient != null;
    }

    /** Fills the gradients of everything behind this single number. */
    void backward() {
        var order = new ArrayList<Value>();
        visit(order, new HashSet<>());
        Arrays.fill(gradient, 1);
        for (var value : order.reversed()) {
            value.rule.accept(value.gradient);
        }
    }

    private void visit(List<Value> order, Set<Value> seen) {
        if (wanted() && seen.add(this)) {
            inputs.forEach(input -> input.visit(order, seen));
            order.add(this);
        }
    }

    // ---- products ----------------------------------------------------------------------------------------------------

    /** [m, k] times [k, n]. */
    Value matmul(Value b) {
        var c = new double[rows * b.columns];
        addProduct(c, data, b.data, rows, columns, b.columns);
        return of(rows, b.columns, c, List.of(this, b), dc -> {
            if (wanted()) {
                addProduct(gradient, dc, transposed(b.data, b.rows, b.columns), rows, b.columns, columns);
            }
            if (b.wanted()) {
                addProduct(b.gradient, transposed(data, rows, columns), dc, columns, rows, b.columns);
            }
        });
    }

    private static void addProduct(double[] c, double[] a, double[] b, int m, int k, int n) {
        for (int i = 0; i < m; i++) {
            for (int l = 0; l < k; l++) {
                double factor = a[i * k + l];
                for (int j = 0; j < n; j++) {
                    c[i * n + j] += factor * b[l * n + j];
                }
            }
        }
    }

    Value transpose() {
        return of(columns, rows, transposed(data, rows, columns), List.of(this),
                dy -> addTo(this, transposed(dy, columns, rows)));
    }

    private static double[] transposed(double[] x, int rows, int columns) {
        var y = new double[x.length];
        for (int r = 0; r < rows; r++) {
            for (int c = 0; c < columns; c++) {
                y[c * rows + r] = x[r * columns + c];
            }
        }
        return y;
    }

    // ---- element by element ------------------------------------------------------------------------------------------

    Value plus(Value b) {
        requireSameSize(b);
        var y = data.clone();
        addTo(y, b.data);
        return of(rows, columns, y, List.of(this, b), dy -> {
            addTo(this, dy);
            addTo(b, dy);
        });
    }

    Value times(Value b) {
        requireSameSize(b);
        return of(rows, columns, product(data, b.data), List.of(this, b), dy -> {
            addTo(this, product(dy, b.data));
            addTo(b, product(dy, data));
        });
    }

    Value times(double factor) {
        return map(x -> x * factor, _ -> factor);
    }

    /** f of every element, given its derivative. */
    Value map(DoubleUnaryOperator f, DoubleUnaryOperator derivative) {
        return of(rows, columns, Arrays.stream(data).map(f).toArray(), List.of(this),
                dy -> addTo(this, product(dy, Arrays.stream(data).map(derivative).toArray())));
    }

    private void requireSameSize(Value b) {
        if (rows != b.rows || columns != b.columns) {
            throw new IllegalArgumentException(rows + " x " + columns + " and " + b.rows + " x " + b.columns);
        }
    }

    private static double[] product(double[] a, double[] b) {
        return IntStream.range(0, a.length).mapToDouble(i -> a[i] * b[i]).toArray();
    }

    private static void addTo(Value value, double[] gradient) {
        if (value.wanted()) {
            addTo(value.gradient, gradient);
        }
    }

    private static void addTo(double[] y, double[] x) {
        for (int i = 0; i < y.length; i++) {
            y[i] += x[i];
        }
    }

    // ---- rows and columns --------------------------------------------------------------------------------------------

    /** The rows with these numbers, one below the other; a row may be named more than once. */
    Value rows(int... numbers) {
        var y = new double[numbers.length * columns];
        for (int i = 0; i < numbers.length; i++) {
            System.arraycopy(data, numbers[i] * columns, y, i * columns, columns);
        }
        return of(numbers.length, columns, y, List.of(this), dy -> {
            for (int i = 0; i < dy.length; i++) {
                gradient[numbers[i / columns] * columns + i % columns] += dy[i];
            }
        });
    }

    /** Rows {@code from} to {@code to − 1}. */
    Value rowRange(int from, int to) {
        return rows(IntStream.range(from, to).toArray());
    }

    /** The part with this index when the columns are cut into parts of {@code width} columns. */
    Value part(int index, int width) {
        return transpose().rowRange(index * width, (index + 1) * width).transpose();
    }

    /** This single row, as often as {@code other} has rows. */
    Value like(Value other) {
        return rows(new int[other.rows]);
    }

    /** Matrices of equal width, one below the other. */
    static Value below(List<Value> parts) {
        var y = parts.stream().flatMapToDouble(part -> Arrays.stream(part.data)).toArray();
        return of(y.length / parts.getFirst().columns, parts.getFirst().columns, y, List.copyOf(parts), dy -> {
            int from = 0;
            for (var part : parts) {
                addTo(part, Arrays.copyOfRange(dy, from, from + part.data.length));
                from += part.data.length;
            }
        });
    }

    /** Matrices of equal height, side by side. */
    static Value beside(List<Value> parts) {
        return below(parts.stream().map(Value::transpose).toList()).transpose();
    }

    // ---- row by row --------------------------------------------------------------------------------------------------

    /** (x − mean) / √(variance + epsilon) of each row. */
    Value normalised(double epsilon) {
        var y = new double[data.length];
        var deviation = new double[rows];
        for (int r = 0; r < rows; r++) {
            var row = Arrays.copyOfRange(data, r * columns, (r + 1) * columns);
            double mean = Arrays.stream(row).average().orElseThrow();
            double variance = Arrays.stream(row).map(x -> (x - mean) * (x - mean)).average().orElseThrow();
            deviation[r] = Math.sqrt(variance + epsilon);
            for (int c = 0; c < columns; c++) {
                y[r * columns + c] = (row[c] - mean) / deviation[r];
            }
        }
        return of(rows, columns, y, List.of(this), dy -> {
            for (int r = 0; r < rows; r++) {
                double sum = 0;
                double sumY = 0;
                for (int i = r * columns; i < (r + 1) * columns; i++) {
                    sum += dy[i];
                    sumY += dy[i] * y[i];
                }
                for (int i = r * columns; i < (r + 1) * columns; i++) {
                    gradient[i] += (dy[i] - sum / columns - y[i] * sumY / columns) / deviation[r];
                }
            }
        });
    }

    /** Softmax of each row over the elements that are visible; the others become 0. */
    Value softmax(boolean[][] visible) {
        var y = new double[data.length];
        for (int r = 0; r < rows; r++) {
            double largest = Double.NEGATIVE_INFINITY;
            for (int c = 0; c < columns; c++) {
                largest = visible[r][c] ? Math.max(largest, data[r * columns + c]) : largest;
            }
            double sum = 0;
            for (int c = 0; c < columns; c++) {
                y[r * columns + c] = visible[r][c] ? Math.exp(data[r * columns + c] - largest) : 0;
                sum += y[r * columns + c];
            }
            for (int c = 0; c < columns; c++) {
                y[r * columns + c] /= sum;
            }
        }
        return of(rows, columns, y, List.of(this), dy -> {
            for (int r = 0; r < rows; r++) {
                double dot = 0;
                for (int i = r * columns; i < (r + 1) * columns; i++) {
                    dot += dy[i] * y[i];
                }
                for (int i = r * columns; i < (r + 1) * columns; i++) {
                    gradient[i] += y[i] * (dy[i] - dot);
                }
            }
        });
    }

    /** The mean of −log softmax(row)[label] over the rows whose label is not negative. */
    Value crossEntropy(int[] labels) {
        var all = new boolean[rows][columns];
        for (var row : all) {
            Arrays.fill(row, true);
        }
        var probabilities = constant(rows, columns, data).softmax(all).data;
        int[] counted = IntStream.range(0, rows).filter(r -> labels[r] >= 0).toArray();
        double loss = Arrays.stream(counted).mapToDouble(r -> -Math.log(probabilities[r * columns + labels[r]])).sum();
        return of(1, 1, new double[] {loss / counted.length}, List.of(this), dy -> {
            for (int r : counted) {
                for (int c = 0; c < columns; c++) {
                    double target = c == labels[r] ? 1 : 0;
                    gradient[r * columns + c] += dy[0] * (probabilities[r * columns + c] - target) / counted.length;
                }
            }
        });
    }
}
