// Lesson 6: docs/lessons/6-comparing.md. Check what you write with: ./lorikeet check 6

final class Lesson6 {

    /**
     * The standard error of an accuracy p measured on n examples: √(p (1 − p) / n).
     *
     * @param right for each example whether the answer was right
     */
    static double standardError(boolean[] right) {
        throw new UnsupportedOperationException();
    }

    /**
     * How much better a is than b, where both answered the same examples: the difference of the accuracies, and its standard
     * error. On each example the difference is 1, 0 or −1; the variance of these numbers is the mean of their squares less
     * the square of their mean, and the standard error of their mean is the root of variance / n.
     */
    static double[] difference(boolean[] a, boolean[] b) {
        throw new UnsupportedOperationException();
    }

    /** Whether a is better than b by more than twice the standard error of the difference. */
    static boolean better(boolean[] a, boolean[] b) {
        throw new UnsupportedOperationException();
    }
}
