package lorikeet.engine;

import java.util.function.ToDoubleFunction;

/**
 * Compares a gradient that backward computed in 32 bits with central differences of a reference in 64 bits,
 * (f(x + h) − f(x − h)) / 2h. The reference is a plain function of doubles that shares no code with the engine, so the
 * check is sharp although the engine computes in single precision.
 */
public final class GradCheck {
    private GradCheck() {}

    /**
     * The entry in which the two differ most.
     *
     * @param index     which entry
     * @param expected  by central differences
     * @param actual    by backward
     * @param error     |actual − expected| relative to the largest expected entry
     */
    public record Result(int index, double expected, double actual, double error) {
        /** @throws AssertionError if the error exceeds {@code tolerance}, naming entry, expected and actual value */
        public void require(String name, double tolerance) {
            if (!(error <= tolerance)) {
                throw new AssertionError("gradient of " + name + ": entry " + index + " is " + actual
                        + ", central differences say " + expected + " (error " + error
                        + " of the largest entry, allowed "
                        + tolerance + ")");
            }
        }
    }

    /**
     * @param reference the function in double precision
     * @param at        the point; left unchanged
     * @param actual    the gradient that backward found there, as many entries as {@code at}
     */
    public static Result compare(ToDoubleFunction<double[]> reference, double[] at, float[] actual) {
        if (at.length != actual.length) {
            throw new IllegalArgumentException(actual.length + " gradient entries for " + at.length + " variables");
        }
        var expected = new double[at.length];
        double largest = 0;
        for (int i = 0; i < at.length; i++) {
            expected[i] = derivative(reference, at, i);
            largest = Math.max(largest, Math.abs(expected[i]));
        }
        var worst = new Result(0, 0, 0, 0);
        for (int i = 0; i < at.length; i++) {
            double error = Math.abs(actual[i] - expected[i]) / Math.max(largest, 1e-6);
            if (!(error <= worst.error)) {
                worst = new Result(i, expected[i], actual[i], error);
            }
        }
        return worst;
    }

    /** ∂f/∂xᵢ by central differences; the step balances rounding against curvature. */
    public static double derivative(ToDoubleFunction<double[]> f, double[] at, int i) {
        double h = 1e-5 * Math.max(1, Math.abs(at[i]));
        var x = at.clone();
        x[i] = at[i] + h;
        double above = f.applyAsDouble(x);
        x[i] = at[i] - h;
        double below = f.applyAsDouble(x);
        return (above - below) / (2 * h);
    }
}
