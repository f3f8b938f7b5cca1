// Lesson 6: docs/lessons/6-comparing.md. Check what you write with: ./lorikeet check 6

final class Lesson6 {

    /**
     * The standard error of an accuracy p measured on n examples: √(p (1 − p) / n).
     *
     * @param right for each example whether the answer was right
     */
    static double standardError(boolean[] right) {
        double p = 0;
        for (boolean each : right) {
            p += each ? 1.0 / right.length : 0;
        }
        return Math.sqrt(p * (1 - p) / right.length);
    }

    /**
     * How much better a is than b, where both answered the same examples: the difference of the accuracies, and its standard
     * error. On each example the difference is 1, 0 or −1; the variance of these numbers is the mean of their squares less
     * the square of their mean, and the standard error of their mean is the root of variance / n.
     */
    static double[] difference(boolean[] a, boolean[] b) {
        int n = a.length;
        double sum = 0;
        double squares = 0;
        for (int i = 0; i < n; i++) {
            int d = (a[i] ? 1 : 0) - (b[i] ? 1 : 0);
            sum += d;
            squares += d * d;
        }
        double mean = sum / n;
        double variance = squares / n - mean * mean;
        return new double[] {mean, Math.sqrt(variance / n)};
    }

    /** Whether a is better than b by more than twice the standard error of the difference. */
    static boolean better(boolean[] a, boolean[] b) {
        var d = difference(a, b);
        return d[0] > 2 * d[1];
    }
}
