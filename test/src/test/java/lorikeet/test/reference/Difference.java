package lorikeet.test.reference;

/** How far apart two arrays are. */
public final class Difference {
    private Difference() {}

    /** The largest |actual[i] − expected[i]|; NaN if there is one. */
    public static double largest(double[] actual, double[] expected) {
        if (actual.length != expected.length) {
            throw new IllegalArgumentException(actual.length + " numbers instead of " + expected.length);
        }
        double largest = 0;
        for (int i = 0; i < actual.length; i++) {
            largest = Math.max(largest, Math.abs(actual[i] - expected[i]));
        }
        return largest;
    }

    /** {@link #largest}, relative to the largest |expected[i]|. */
    public static double relative(double[] actual, double[] expected) {
        return largest(actual, expected) / Math.max(largest(new double[expected.length], expected), Double.MIN_NORMAL);
    }
}
