package lorikeet.peft.lessons;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import lorikeet.engine.AdamWOptimizer;
import lorikeet.engine.Shape;
import lorikeet.engine.Tensor;
import lorikeet.kernels.Precision;
import lorikeet.kernels.cpu.CpuDevice;

/** Lesson 8: the rules of two operations, and the step that uses what they give, against the engine. */
final class AutogradExercise implements Exercise {
    private static final int SIZE = 5;
    private static final double RATE = 0.1, DECAY = 0.5;

    private interface Task {
        double[][] timesBackward(double[] a, double[] b, double[] dy);

        double[] softmaxBackward(double[] y, double[] dy);

        void adamw(double[] w, double[] g, double[] mean, double[] square, int step, double rate, double decay);
    }

    @Override
    public String title() {
        return "Autograd on one page";
    }

    @Override
    public String check(Path file) throws IOException {
        var student = StudentCode.in(file, name(), Task.class);
        var random = new Random(8);
        checkTimes(student, Rows.random(random, 3, SIZE));
        checkSoftmax(student, Rows.random(random, 2, SIZE));
        checkAdamW(student, Rows.random(random, 1, SIZE)[0]);
        return "Both rules are right by central differences and the engine's backward, and three steps of AdamW end where "
                + "the engine's do.";
    }

    private static void checkTimes(Task student, double[][] in) {
        var a = Rows.of(in[0]);
        var b = Rows.of(in[1]);
        var dy = Rows.of(in[2]);
        var got = student.timesBackward(in[0], in[1], in[2]);
        if (got.length != 2) {
            throw new Mistake("timesBackward answers " + got.length + " gradients, expected 2: of a and of b.");
        }
        for (int i = 0; i < 2; i++) {
            var own = i == 0 ? a : b;
            var other = i == 0 ? b : a;
            Expectation.gradient("The gradient of " + "ab".charAt(i) + " in a · b", own,
                    v -> Rows.dot(Rows.times(v, other), dy))
                    .orIf(Rows.times(own, dy), "a and b are exchanged: ∂(a · b)/∂a = b")
                    .orIf(other, "dy is missing: the chain rule multiplies by it")
                    .check(Rows.of(got[i]));
        }
    }

    private static void checkSoftmax(Task student, double[][] in) {
        try (var device = new CpuDevice(Precision.STRICT, 1); var _ = device.memory().scope()) {
            var x = Tensor.parameter(device, Shape.of(SIZE), Rows.floats(in[0]));
            var output = x.softmax();
            var y = Rows.doubles(output.toArray());
            output.times(Tensor.of(device, Shape.of(SIZE), Rows.floats(in[1]))).sum().backward();
            var right = Rows.doubles(device.downloadFloats(x.gradient()));
            x.free();
            var dy = Rows.of(in[1]);
            var weighted = Rows.times(Rows.of(y), dy);
            double sum = Rows.dot(Rows.of(y), dy);
            Expectation.of("The gradient of softmax", right)
                    .orIf(weighted, "every output depends on every input: Σ y · dy goes away from dy")
                    .orIf(Rows.times(weighted, Rows.map(Rows.of(y), v -> 1 - v)),
                            "that is as if each output depended on its own input only")
                    .orIf(Rows.map(dy, v -> v - sum), "the factor y is missing in front")
                    .orIf(Rows.times(Rows.of(y), Rows.map(dy, v -> v - Rows.dot(dy, Rows.map(dy, _ -> 1)))),
                            "the sum is over y · dy, not over dy")
                    .orIf(Rows.map(weighted, v -> v - sum), "y multiplies the whole bracket: y · (dy − Σ y · dy)")
                    .check(student.softmaxBackward(y, in[1]));
        }
    }

    // ---- AdamW -------------------------------------------------------------------------------------------------------

    /** The step itself, and what one gets wrong in it. */
    private enum Slip {
        NONE(""),
        NO_CORRECTION("the averages start at zero and are too small at first: divide them by 1 − β₁ᵗ and 1 − β₂ᵗ"),
        COUPLED("weight decay is added to the gradient; AdamW takes it from the weight itself"),
        NO_DECAY("weight decay is missing"),
        DECAY_WITHOUT_RATE("weight decay is multiplied by the learning rate, too"),
        EPSILON_IN_ROOT("ε stands behind the root, not under it"),
        NO_ROOT("the root of the average of squares is missing"),
        UPHILL("the sign: the step goes against the gradient"),
        STEPS_FROM_ZERO("steps count from 1, and the power is the step itself"),
        SWAPPED("β₁ = 0.9 is the mean's, β₂ = 0.999 the square's"),
        PLAIN("that is plain gradient descent");

        final String cause;

        Slip(String cause) {
            this.cause = cause;
        }

        private boolean is(Slip other) {
            return this == other;
        }

        void step(double[] w, double[] g, double[] mean, double[] square, int step) {
            double beta1 = is(SWAPPED) ? 0.999 : 0.9;
            double beta2 = is(SWAPPED) ? 0.9 : 0.999;
            int power = is(STEPS_FROM_ZERO) ? step + 1 : step;
            for (int i = 0; i < w.length; i++) {
                double gradient = is(COUPLED) ? g[i] + DECAY * w[i] : g[i];
                mean[i] = beta1 * mean[i] + (1 - beta1) * gradient;
                square[i] = beta2 * square[i] + (1 - beta2) * gradient * gradient;
                double m = is(NO_CORRECTION) ? mean[i] : mean[i] / (1 - Math.pow(beta1, power));
                double v = is(NO_CORRECTION) ? square[i] : square[i] / (1 - Math.pow(beta2, power));
                double below = is(NO_ROOT) ? v + 1e-8 : is(EPSILON_IN_ROOT) ? Math.sqrt(v + 1e-8) : Math.sqrt(v) + 1e-8;
                double decay = is(NO_DECAY) || is(COUPLED) ? 0 : is(DECAY_WITHOUT_RATE) ? DECAY : RATE * DECAY;
                double move = is(PLAIN) ? g[i] : m / below;
                w[i] += -decay * w[i] + (is(UPHILL) ? RATE : -RATE) * move;
            }
        }
    }

    /** The numbers that a step changes. */
    private record State(double[] w, double[] mean, double[] square) {
        static State at(double... w) {
            return new State(w.clone(), new double[w.length], new double[w.length]);
        }
    }

    private static void checkAdamW(Task student, double... start) {
        var gradients = new double[] {0.5, -2, 1e-8, 0.03, -0.7}; // the small one tells where ε stands
        try (var device = new CpuDevice(Precision.STRICT, 1); var _ = device.memory().scope()) {
            var parameter = Tensor.parameter(device, Shape.of(SIZE), Rows.floats(start));
            var group = new AdamWOptimizer.Group(List.of(parameter), (float) DECAY, 1);
            try (var optimizer = new AdamWOptimizer(List.of(group), AdamWOptimizer.Settings.DEFAULT)) {
                var mine = State.at(start);
                var others = new State[Slip.values().length];
                for (int i = 0; i < others.length; i++) {
                    others[i] = State.at(start);
                }
                for (int step = 1; step <= 3; step++) {
                    var loss = parameter.times(Tensor.of(device, Shape.of(SIZE), Rows.floats(gradients))).sum();
                    loss.backward();
                    optimizer.step(loss, (float) RATE, 0);
                    student.adamw(mine.w, gradients.clone(), mine.mean, mine.square, step, RATE, DECAY);
                    var weight = Expectation.of("The weight after step " + step, Rows.doubles(parameter.toArray()));
                    for (var slip : Slip.values()) {
                        var other = others[slip.ordinal()];
                        slip.step(other.w, gradients, other.mean, other.square, step);
                        if (!slip.is(Slip.NONE)) {
                            weight.orIf(Rows.of(other.w), slip.cause);
                        }
                    }
                    weight.orIf(Rows.of(start), "nothing is written to w").check(mine.w);
                    var right = others[Slip.NONE.ordinal()];
                    Expectation.of("The mean after step " + step, right.mean)
                            .orIf(new double[][] {State.at(start).mean}, "the averages have to be written back")
                            .check(mine.mean);
                    Expectation.of("The mean square after step " + step, right.square)
                            .orIf(new double[][] {State.at(start).mean}, "the averages have to be written back")
                            .check(mine.square);
                }
            } finally {
                parameter.free();
            }
        }
    }
}
