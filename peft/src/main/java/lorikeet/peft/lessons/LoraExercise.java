package lorikeet.peft.lessons;

import static lorikeet.peft.lessons.Rows.plus;
import static lorikeet.peft.lessons.Rows.product;
import static lorikeet.peft.lessons.Rows.times;
import static lorikeet.peft.lessons.Rows.transpose;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Random;
import lorikeet.engine.MatMul;
import lorikeet.kernels.Precision;
import lorikeet.kernels.cpu.CpuDevice;

/** Lesson 4: LoRA forward, backward and merged, against the engine and against central differences. */
final class LoraExercise implements Exercise {
    private static final int TOKENS = 5, IN = 4, OUT = 6, RANK = 2;
    private static final double ALPHA = 6;
    private static final double SCALE = ALPHA / RANK;
    private static final String ONE_ROW = "only the first row of x counts; a gradient is the sum over all rows";

    private interface Task {
        double[][] forward(double[][] x, double[][] w, double[][] a, double[][] b, double alpha);

        double[][][] backward(double[][] x, double[][] w, double[][] a, double[][] b, double alpha, double[][] dh);

        double[][] merge(double[][] w, double[][] a, double[][] b, double alpha);
    }

    @Override
    public String title() {
        return "LoRA";
    }

    @Override
    public String check(Path file) throws IOException {
        var student = StudentCode.in(file, name(), Task.class);
        var random = new Random(4);
        var x = Rows.random(random, TOKENS, IN);
        var w = Rows.random(random, IN, OUT);
        var a = Rows.random(random, RANK, IN);
        var b = Rows.random(random, OUT, RANK);
        var dh = Rows.random(random, TOKENS, OUT);
        checkForward(student, x, w, a, b);
        checkBackward(student, x, w, a, b, dh);
        var ab = product(transpose(a), transpose(b));
        withScales(Expectation.of("The merged weight", plus(w, times(ab, SCALE))), w, ab)
                .check(student.merge(w, a, b, ALPHA));
        return "Forward is the engine's, the gradients are those of your forward by central differences, and the merged "
                + "weight does the same as A and B beside it.";
    }

    private static void checkForward(Task student, double[][] x, double[][] w, double[][] a, double[][] b) {
        var base = product(x, w);
        var branch = product(product(x, transpose(a)), transpose(b));
        withScales(Expectation.of("The result of forward", engine(x, w, a, b)), base, branch)
                .check(student.forward(x, w, a, b, ALPHA));
    }

    /** What {@code base + factor · branch} is with a wrong factor, or with one of them alone. */
    private static Expectation withScales(Expectation expected, double[][] base, double[][] branch) {
        return expected
                .orIf(plus(base, branch), "alpha / rank is missing")
                .orIf(plus(base, times(branch, ALPHA)), "alpha is not divided by the rank")
                .orIf(plus(base, times(branch, ALPHA * RANK)), "alpha is multiplied by the rank instead of divided")
                .orIf(plus(base, times(branch, SCALE * SCALE)), "alpha / rank is applied twice")
                .orIf(plus(base, times(branch, -SCALE)), "the sign of the branch")
                .orIf(times(plus(base, branch), SCALE), "alpha / rank belongs to the branch only, not to W")
                .orIf(base, "A and B are left out")
                .orIf(times(branch, SCALE), "W is left out");
    }

    private static void checkBackward(Task student, double[][] x, double[][] w, double[][] a, double[][] b,
            double[][] dh) {
        var gradients = Expectation.three(student.backward(x, w, a, b, ALPHA, dh), "of x, of A and of B");
        var du = product(dh, b); // but for the scale
        var da = Expectation.gradient("The gradient of A", a,
                v -> Rows.dot(dh, student.forward(x, w, v, b, ALPHA)));
        withFactors(da).orIf(times(product(transpose(Rows.first(du, 1)), Rows.first(x, 1)), SCALE), ONE_ROW)
                .check(gradients[1]);
        var u = product(x, transpose(a));
        var db = Expectation.gradient("The gradient of B", b,
                v -> Rows.dot(dh, student.forward(x, w, a, v, ALPHA)));
        withFactors(db).orIf(times(product(transpose(Rows.first(dh, 1)), Rows.first(u, 1)), SCALE), ONE_ROW)
                .check(gradients[2]);
        var throughW = product(dh, transpose(w));
        var throughA = product(du, a);
        Expectation.gradient("The gradient of x", x,
                v -> Rows.dot(dh, student.forward(v, w, a, b, ALPHA)))
                .orIf(throughW, "x also acts through A and B")
                .orIf(times(throughA, SCALE), "x also acts through W")
                .orIf(plus(throughW, throughA), "alpha / rank is missing on the way through A and B")
                .orIf(plus(throughW, times(throughA, SCALE * SCALE)),
                        "alpha / rank is applied twice on the way through A and B")
                .check(gradients[0]);
    }

    private static Expectation withFactors(Expectation expected) {
        var right = expected.right();
        return expected.orIf(times(right, 1 / SCALE), "alpha / rank is missing")
                .orIf(times(right, SCALE), "alpha / rank is applied twice")
                .orIf(times(right, RANK), "alpha is not divided by the rank")
                .orIf(times(right, 1.0 / TOKENS), "it is the mean over the rows of x; a gradient is their sum");
    }

    private static double[][] engine(double[][] x, double[][] w, double[][] a, double[][] b) {
        try (var device = new CpuDevice(Precision.STRICT, 1); var _ = device.memory().scope()) {
            var input = Rows.on(device, x);
            var h = MatMul.linear(input, Rows.on(device, w), false, null);
            var u = input.matmulTransposed(Rows.on(device, a));
            return Rows.of(MatMul.addProduct(h, 0, u, Rows.on(device, b), (float) SCALE));
        }
    }
}
