package lorikeet.bench;

import java.util.Arrays;

/** The little statistics that tables need. */
final class Statistics {
    private Statistics() {}

    static double median(double... values) {
        var sorted = values.clone();
        Arrays.sort(sorted);
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    /** The smallest and the largest. */
    static double[] range(double... values) {
        return new double[] {Arrays.stream(values).min().orElseThrow(), Arrays.stream(values).max().orElseThrow()};
    }

    /** e of the power law y ≈ c · xᵉ that fits best: the slope of least squares through the logarithms. */
    static double exponent(double[] x, double[] y) {
        if (x.length != y.length || x.length < 2) {
            throw new IllegalArgumentException("a power law needs at least two points");
        }
        var logX = Arrays.stream(x).map(Math::log).toArray();
        var logY = Arrays.stream(y).map(Math::log).toArray();
        double meanX = Arrays.stream(logX).average().orElseThrow();
        double meanY = Arrays.stream(logY).average().orElseThrow();
        double covariance = 0;
        double variance = 0;
        for (int i = 0; i < x.length; i++) {
            covariance += (logX[i] - meanX) * (logY[i] - meanY);
            variance += (logX[i] - meanX) * (logX[i] - meanX);
        }
        return covariance / variance;
    }
}
