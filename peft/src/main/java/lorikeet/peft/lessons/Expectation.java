package lorikeet.peft.lessons;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;
import lorikeet.engine.GradCheck;

/**
 * What a student's method should give, and what it gives with each of the mistakes that one makes here. Whoever gives the
 * latter is told which mistake that was.
 */
final class Expectation {
    /** Of the largest entry: what computing in 32 bits may cost. */
    private static final double USUAL = 1e-5;

    private final String what;
    private final double tolerance;
    private final double[][] right;
    private final List<Wrong> mistakes = new ArrayList<>();

    /** What comes out of a mistake. */
    private record Wrong(double[][] result, String cause) {}

    private Expectation(String what, double tolerance, double[][] right) {
        this.what = what;
        this.tolerance = tolerance;
        this.right = right;
    }

    /** @param what begins a sentence: "The gradient of A" */
    static Expectation of(String what, double[][] right) {
        return new Expectation(what, USUAL, right);
    }

    static Expectation of(String what, double... right) {
        return of(what, Rows.of(right));
    }

    /** A whole number. */
    static Expectation count(String what, long right) {
        return new Expectation(what, 0, Rows.of(right)).orIf((int) right,
                "an int is too small for it; compute with long");
    }

    /** The gradient of {@code f} at {@code at}, by central differences. */
    static Expectation gradient(String what, double[][] at, ToDoubleFunction<double[][]> f) {
        int columns = at[0].length;
        var point = Rows.flat(at);
        var gradient = new double[point.length];
        for (int i = 0; i < point.length; i++) {
            gradient[i] = GradCheck.derivative(x -> f.applyAsDouble(Rows.split(x, columns)), point, i);
        }
        return of(what, Rows.split(gradient, columns));
    }

    /**
     * Gradients as a student's backward answers them.
     *
     * @param of what they are: "of x, of A and of B"
     * @throws Mistake if there are not three
     */
    static double[][][] three(double[][][] gradients, String of) {
        if (gradients.length != 3) {
            throw new Mistake("backward answers " + gradients.length + " gradients, expected 3: " + of + ".");
        }
        return gradients;
    }

    double[][] right() {
        return right;
    }

    /** Names the mistake that gives {@code wrong}. */
    Expectation orIf(double[][] wrong, String cause) {
        mistakes.add(new Wrong(wrong, cause));
        return this;
    }

    Expectation orIf(double wrong, String cause) {
        return orIf(Rows.of(wrong), cause);
    }

    void check(double... got) {
        check(Rows.of(got));
    }

    /** @throws Mistake if {@code got} is not what was expected */
    void check(double[][] got) {
        requireShape(got);
        int row = 0;
        int column = 0;
        double worst = 0;
        for (int i = 0; i < right.length; i++) {
            for (int j = 0; j < right[i].length; j++) {
                double difference = Math.abs(got[i][j] - right[i][j]);
                if (!(difference <= worst)) {
                    row = i;
                    column = j;
                    worst = difference;
                    if (Double.isNaN(difference)) {
                        throw wrong(got, i, j);
                    }
                }
            }
        }
        if (!near(got, right)) {
            throw wrong(got, row, column);
        }
    }

    private void requireShape(double[][] got) {
        for (var row : got) {
            if (row == null) {
                throw new Mistake(what + " has a row that is null.");
            }
            if (row.length != got[0].length) {
                throw new Mistake(
                        what + " has rows of different lengths, " + got[0].length + " and " + row.length + ".");
            }
        }
        int columns = got.length == 0 ? 0 : got[0].length;
        if (got.length != right.length || columns != right[0].length) {
            boolean turned = got.length == right[0].length && columns == right.length;
            throw new Mistake("%s has the wrong shape: %s, expected %s.%s".formatted(what, shape(got.length, columns),
                    shape(right.length, right[0].length), turned ? "\nLikely cause: it is transposed." : ""));
        }
    }

    private static String shape(int rows, int columns) {
        return "[" + rows + "][" + columns + "]";
    }

    private Mistake wrong(double[][] got, int row, int column) {
        var cause = cause(got);
        return new Mistake("%s is %s, expected %s.%s".formatted(entry(row, column), number(got[row][column]),
                number(right[row][column]), cause == null ? "" : "\nLikely cause: " + cause + "."));
    }

    private String entry(int row, int column) {
        if (right.length > 1) {
            return what + " is wrong: entry [" + row + "][" + column + "]";
        }
        return right[0].length > 1 ? what + " is wrong: entry [" + column + "]" : what;
    }

    private static String number(double value) {
        return value == Math.rint(value) && Math.abs(value) < 1e15
                ? String.format(Locale.ROOT, "%,d", (long) value)
                : String.format(Locale.ROOT, "%.6g", value);
    }

    private String cause(double[][] got) {
        for (var mistake : mistakes) {
            if (near(got, mistake.result)) {
                return mistake.cause;
            }
        }
        if (!Double.isFinite(Rows.dot(got, got))) {
            return "something is divided by zero, or exp of a large number is infinite";
        }
        if (Rows.dot(got, got) == 0) {
            return "nothing is ever written to the result";
        }
        if (right.length == right[0].length && right.length > 1 && near(got, Rows.transpose(right))) {
            return "it is transposed";
        }
        double factor = Rows.dot(got, right) / Rows.dot(right, right);
        if (near(got, Rows.times(right, factor)) && right[0].length * right.length > 1) {
            return factor < 0 && Math.abs(factor + 1) < 1e-4
                    ? "the sign"
                    : "a factor: every entry is " + number(factor) + " times what it should be";
        }
        return null;
    }

    /** Whether two matrices agree, relative to the largest entry of the second. */
    private boolean near(double[][] a, double[][] b) {
        if (a.length != b.length || a[0].length != b[0].length) {
            return false;
        }
        double largest = 0;
        double difference = 0;
        for (int i = 0; i < a.length; i++) {
            for (int j = 0; j < a[i].length; j++) {
                if (Double.compare(a[i][j], b[i][j]) != 0) { // NaN is like NaN
                    difference = Math.max(difference, Math.abs(a[i][j] - b[i][j]));
                }
                largest = Double.isNaN(b[i][j]) ? largest : Math.max(largest, Math.abs(b[i][j]));
            }
        }
        return difference <= tolerance * largest;
    }
}
