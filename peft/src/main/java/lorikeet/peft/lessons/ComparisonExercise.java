package lorikeet.peft.lessons;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Random;

/** Lesson 6: how far an accuracy, and a difference of two on the same examples, can be trusted. */
final class ComparisonExercise implements Exercise {
    private static final int EXAMPLES = 200;

    private interface Task {
        double standardError(boolean[] right);

        double[] difference(boolean[] a, boolean[] b);

        boolean better(boolean[] a, boolean[] b);
    }

    @Override
    public String title() {
        return "Comparing honestly";
    }

    @Override
    public String check(Path file) throws IOException {
        var student = StudentCode.in(file, name(), Task.class);
        var random = new Random(6);
        var b = new boolean[EXAMPLES];
        var a = new boolean[EXAMPLES];
        for (int i = 0; i < EXAMPLES; i++) {
            b[i] = random.nextDouble() < 0.6;
            a[i] = random.nextDouble() < 0.15 ? random.nextBoolean() : b[i]; // mostly right where b is
        }
        checkError(student, b);
        checkDifference(student, a, b);
        for (int gained : new int[] {2, 3, 4, 5, 20}) {
            checkBetter(student, gained);
        }
        return "Standard errors of one accuracy and of a difference on the same examples, and the judgement that follows.";
    }

    private static double share(boolean[] right) {
        int count = 0;
        for (boolean each : right) {
            count += each ? 1 : 0;
        }
        return (double) count / right.length;
    }

    private static void checkError(Task student, boolean[] right) {
        double p = share(right);
        double variance = p * (1 - p);
        Expectation.of("standardError", Math.sqrt(variance / EXAMPLES))
                .orIf(Math.sqrt(variance), "that is the spread of single answers; the mean of n has √n times less")
                .orIf(variance / EXAMPLES, "that is the variance; the error is its root")
                .orIf(Math.sqrt(variance) / EXAMPLES, "divided by n instead of √n")
                .orIf(Math.sqrt(variance / (EXAMPLES - 1)), "divided by n − 1 instead of n")
                .orIf(100 * Math.sqrt(variance / EXAMPLES), "that is in percent; expected is a share of 1")
                .orIf(p, "that is the accuracy itself")
                .orIf(Math.sqrt(p / EXAMPLES), "the factor 1 − p is missing: p (1 − p) / n")
                .check(student.standardError(right));
    }

    private static void checkDifference(Task student, boolean[] a, boolean[] b) {
        double mean = share(a) - share(b);
        double squares = 0;
        for (int i = 0; i < EXAMPLES; i++) {
            squares += a[i] == b[i] ? 0 : 1;
        }
        double variance = squares / EXAMPLES - mean * mean;
        double apart = share(a) * (1 - share(a)) + share(b) * (1 - share(b));
        var got = student.difference(a, b);
        if (got.length != 2) {
            throw new Mistake("difference answers " + got.length + " numbers, expected 2: difference, standard error.");
        }
        Expectation.of("The difference of the accuracies", mean)
                .orIf(-mean, "the sign: a's accuracy less b's")
                .orIf(100 * mean, "that is in percent; expected is a share of 1")
                .orIf(mean * EXAMPLES, "that is a number of examples; expected is a share")
                .check(got[0]);
        Expectation.of("The standard error of the difference", Math.sqrt(variance / EXAMPLES))
                .orIf(Math.sqrt(apart / EXAMPLES),
                        "that holds for different examples; here both answer the same ones, so look at the difference on "
                                + "each: 1, 0 or −1")
                .orIf(Math.sqrt(variance), "that is the spread of single differences; the mean of n has √n times less")
                .orIf(Math.sqrt(variance / (EXAMPLES - 1)), "divided by n − 1 instead of n")
                .orIf(Math.sqrt(squares / EXAMPLES / EXAMPLES), "the mean is not taken away before squaring")
                .orIf(variance / EXAMPLES, "that is the variance; the error is its root")
                .check(got[1]);
    }

    /** One method answers {@code gained} questions of 100 rightly that the other misses, and is never worse. */
    private static void checkBetter(Task student, int gained) {
        var a = new boolean[100];
        var b = new boolean[100];
        for (int i = 0; i < 50 + gained; i++) {
            a[i] = true;
            b[i] = i < 50;
        }
        double mean = gained / 100.0;
        boolean expected = mean > 2 * Math.sqrt((mean - mean * mean) / 100);
        require(student, "better, with " + gained + " of 100 examples gained and none lost,", a, b, expected,
                expected
                        ? "the difference is more than twice its standard error"
                        : "the difference is less than twice its standard error");
        require(student, "better, with " + gained + " of 100 examples lost and none gained,", b, a, false,
                "a is worse; only a difference above zero makes it better");
    }

    private static void require(Task student, String what, boolean[] a, boolean[] b, boolean expected, String reason) {
        if (student.better(a, b) != expected) {
            throw new Mistake(what + " is " + !expected + ", expected " + expected + ".\nReason: " + reason + ".");
        }
    }
}
