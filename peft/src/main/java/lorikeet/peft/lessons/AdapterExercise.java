package lorikeet.peft.lessons;

import static lorikeet.peft.lessons.Rows.plus;
import static lorikeet.peft.lessons.Rows.product;
import static lorikeet.peft.lessons.Rows.times;
import static lorikeet.peft.lessons.Rows.transpose;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Random;
import lorikeet.kernels.Precision;
import lorikeet.kernels.Unary;
import lorikeet.kernels.cpu.CpuDevice;

/** Lesson 5: an adapter in series and in parallel, against the engine and against central differences. */
final class AdapterExercise implements Exercise {
    private static final int TOKENS = 5, WIDTH = 6, BOTTLENECK = 3;

    private interface Task {
        double[][] series(double[][] h, double[][] down, double[][] up);

        double[][] parallel(double[][] h, double[][] x, double[][] down, double[][] up);

        double[][][] backward(double[][] h, double[][] down, double[][] up, double[][] dy);
    }

    @Override
    public String title() {
        return "Adapters";
    }

    @Override
    public String check(Path file) throws IOException {
        var student = StudentCode.in(file, name(), Task.class);
        var random = new Random(5);
        var h = Rows.random(random, TOKENS, WIDTH);
        var x = Rows.random(random, TOKENS, WIDTH);
        var down = times(Rows.random(random, BOTTLENECK, WIDTH), 0.3);
        var up = Rows.random(random, WIDTH, BOTTLENECK);
        checkForward(student, h, x, down, up);
        checkBackward(student, h, down, up, Rows.random(random, TOKENS, WIDTH));
        return "Both are the engine's, and the gradients are those of your series by central differences.";
    }

    private static void checkForward(Task student, double[][] h, double[][] x, double[][] down, double[][] up) {
        var linear = product(product(h, transpose(down)), transpose(up));
        Expectation.of("The result of series", plus(h, engine(h, down, up)))
                .orIf(engine(h, down, up), "h itself is not added")
                .orIf(plus(h, linear), "tanh is missing")
                .orIf(plus(h, Rows.map(linear, Math::tanh)), "tanh stands between the two matrices, not behind both")
                .check(student.series(h, down, up));
        Expectation.of("The result of parallel", plus(h, engine(x, down, up)))
                .orIf(plus(h, engine(h, down, up)), "it reads h; that is the series adapter, a parallel one reads x")
                .orIf(plus(x, engine(x, down, up)), "what is read, x, is added; added is what the sublayer made, h")
                .orIf(engine(x, down, up), "h itself is not added")
                .check(student.parallel(h, x, down, up));
    }

    private static double[][] engine(double[][] read, double[][] down, double[][] up) {
        try (var device = new CpuDevice(Precision.STRICT, 1); var _ = device.memory().scope()) {
            return Rows.of(Rows.on(device, read).matmulTransposed(Rows.on(device, down)).map(Unary.TANH)
                    .matmulTransposed(Rows.on(device, up)));
        }
    }

    private static void checkBackward(Task student, double[][] h, double[][] down, double[][] up, double[][] dy) {
        var gradients = Expectation.three(student.backward(h, down, up, dy), "of h, of down and of up");
        var u = product(h, transpose(down)); // [tokens, bottleneck]
        var t = Rows.map(u, Math::tanh);
        var dt = product(dy, up);
        var du = times(dt, Rows.map(t, v -> 1 - v * v));
        var noDerivative = "the derivative of tanh is missing: 1 − tanh²";
        var wrongDerivative = "the derivative of tanh is 1 − t² with t = tanh(u), not with u itself";
        var du2 = times(dt, Rows.map(u, v -> 1 - v * v));
        var mean = "it is the mean over the rows; a gradient is their sum";
        var oneRow = "only the first row of h counts; a gradient is the sum over all rows";

        var ofUp = Expectation.gradient("The gradient of up", up,
                v -> Rows.dot(dy, student.series(h, down, v)));
        ofUp.orIf(product(transpose(dy), u), "up reads tanh(u), not u")
                .orIf(product(transpose(Rows.first(dy, 1)), Rows.first(t, 1)), oneRow)
                .orIf(times(ofUp.right(), 1.0 / TOKENS), mean)
                .check(gradients[2]);
        var ofDown = Expectation.gradient("The gradient of down", down,
                v -> Rows.dot(dy, student.series(h, v, up)));
        ofDown.orIf(product(transpose(dt), h), noDerivative)
                .orIf(product(transpose(du2), h), wrongDerivative)
                .orIf(product(transpose(Rows.first(du, 1)), Rows.first(h, 1)), oneRow)
                .orIf(times(ofDown.right(), 1.0 / TOKENS), mean)
                .check(gradients[1]);
        Expectation.gradient("The gradient of h", h, v -> Rows.dot(dy, student.series(v, down, up)))
                .orIf(product(du, down), "h is also added as it is: its gradient has dy in it")
                .orIf(dy, "h also acts through down and up")
                .orIf(plus(dy, product(dt, down)), noDerivative)
                .orIf(plus(dy, product(du2, down)), wrongDerivative)
                .check(gradients[0]);
    }
}
