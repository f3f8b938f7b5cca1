package lorikeet.peft.lessons;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;

/** Lesson 7: the effective rank of a matrix, and how far two subspaces overlap. */
final class SubspaceExercise implements Exercise {
    private static final int WIDTH = 7;

    private interface Task {
        double effectiveRank(double[] singularValues);

        double overlap(double[][] u, double[][] v);
    }

    @Override
    public String title() {
        return "Why it works";
    }

    @Override
    public String check(Path file) throws IOException {
        var student = StudentCode.in(file, name(), Task.class);
        checkRank(student, "of four equal values", 2, 2, 2, 2);
        checkRank(student, "of 5, 2, 1, 0.5", 5, 2, 1, 0.5);
        checkRank(student, "of 3, 1, 0", 3, 1, 0);
        var all = orthonormal(new Random(7), WIDTH);
        var two = columns(all, 0, 2);
        checkOverlap(student, "of a subspace with itself", two, two);
        checkOverlap(student, "of a subspace with one that is orthogonal to it", two, columns(all, 2, 5));
        checkOverlap(student, "of two subspaces of different size", two,
                columns(orthonormal(new Random(8), WIDTH), 0, 5));
        return "Effective rank and overlap, at their extremes and between.";
    }

    private static void checkRank(Task student, String what, double... values) {
        double sum = Arrays.stream(values).sum();
        double squares = Arrays.stream(values).map(v -> v * v).sum();
        double entropy = entropy(Arrays.stream(values).map(v -> v / sum).toArray());
        Expectation.of("The effective rank " + what, Math.exp(entropy))
                .orIf(entropy, "that is the entropy; the effective rank is e to its power")
                .orIf(-entropy, "that is the entropy with the wrong sign; the effective rank is e to its power")
                .orIf(Math.exp(-entropy), "the entropy has a minus sign: −Σ p ln p")
                .orIf(Math.pow(2, entropy), "with the natural logarithm goes e, not 2")
                .orIf(Math.exp(entropy / Math.log(2)), "with the logarithm of base 2 goes 2, not e")
                .orIf(Math.exp(entropy(Arrays.stream(values).map(v -> v * v / squares).toArray())),
                        "the shares are of the values, not of their squares")
                .orIf(Math.exp(entropy(values)), "the values are not divided by their sum")
                .orIf(Arrays.stream(values).filter(v -> v > 0).count(), "that is the ordinary rank")
                .orIf(Double.NaN, "0 · ln 0 is 0 here, but Java says NaN; leave zeros out")
                .check(student.effectiveRank(values));
    }

    private static double entropy(double... shares) {
        return -Arrays.stream(shares).filter(p -> p > 0).map(p -> p * Math.log(p)).sum();
    }

    private static void checkOverlap(Task student, String what, double[][] u, double[][] v) {
        var cosines = Rows.product(Rows.transpose(u), v);
        double squares = Rows.dot(cosines, cosines);
        int smaller = Math.min(u[0].length, v[0].length);
        int larger = Math.max(u[0].length, v[0].length);
        Expectation.of("The overlap " + what, squares < 1e-9 ? 0 : squares / smaller)
                .orIf(squares, "it is divided by the smaller number of directions")
                .orIf(squares / larger, "it is divided by the smaller number of directions, not by the larger")
                .orIf(Math.sqrt(squares) / smaller, "the cosines are squared and summed; no root is drawn")
                .orIf(Arrays.stream(Rows.flat(cosines)).sum() / smaller,
                        "the cosines are squared before they are summed")
                .orIf(Arrays.stream(Rows.flat(cosines)).map(Math::abs).sum() / smaller,
                        "the cosines are squared before they are summed")
                .orIf(squares / u[0].length / v[0].length,
                        "that is the mean over all pairs; divide by the smaller number "
                                + "of directions")
                .check(tiny(student.overlap(u, v)));
    }

    /** Rounding leaves less than this of what is zero. */
    private static double tiny(double value) {
        return Math.abs(value) < 1e-9 ? 0 : value;
    }

    /** A square matrix of orthonormal columns, by Gram and Schmidt. */
    private static double[][] orthonormal(Random random, int n) {
        var rows = Rows.random(random, n, n);
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < i; j++) {
                double along = Rows.dot(Rows.of(rows[i]), Rows.of(rows[j]));
                rows[i] = Rows.plus(Rows.of(rows[i]), Rows.times(Rows.of(rows[j]), -along))[0];
            }
            rows[i] = Rows.times(Rows.of(rows[i]), 1 / Math.sqrt(Rows.dot(Rows.of(rows[i]), Rows.of(rows[i]))))[0];
        }
        return Rows.transpose(rows);
    }

    private static double[][] columns(double[][] m, int from, int to) {
        return Rows.transpose(Arrays.copyOfRange(Rows.transpose(m), from, to));
    }
}
