package lorikeet.test.reference;

import java.util.function.DoubleUnaryOperator;

/** The non-linearities by the names that Hugging Face configurations use, each with its derivative. */
public enum Activation {
    GELU_NEW("gelu_new", Activation::geluNew, Activation::geluNewDerivative),
    GELU("gelu", x -> x * normal(x), x -> normal(x) + x * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI)),
    RELU("relu", x -> Math.max(x, 0), x -> x > 0 ? 1 : 0),
    SILU("silu", x -> x * sigmoid(x), x -> sigmoid(x) * (1 + x * (1 - sigmoid(x)))),
    TANH("tanh", Math::tanh, x -> 1 - Math.tanh(x) * Math.tanh(x)),
    SIGMOID("sigmoid", Activation::sigmoid, x -> sigmoid(x) * (1 - sigmoid(x)));

    private static final double ROOT = Math.sqrt(2 / Math.PI);
    private static final double CUBIC = 0.044715;

    private final String name;
    final DoubleUnaryOperator function;
    final DoubleUnaryOperator derivative;

    Activation(String name, DoubleUnaryOperator function, DoubleUnaryOperator derivative) {
        this.name = name;
        this.function = function;
        this.derivative = derivative;
    }

    static Activation named(String name) {
        for (var activation : values()) {
            if (activation.name.equals(name)) {
                return activation;
            }
        }
        throw new IllegalArgumentException("no activation '" + name + "'");
    }

    /** f(x). */
    public double apply(double x) {
        return function.applyAsDouble(x);
    }

    Value of(Value x) {
        return x.map(function, derivative);
    }

    private static double sigmoid(double x) {
        return 1 / (1 + Math.exp(-x));
    }

    private static double geluNew(double x) {
        return 0.5 * x * (1 + Math.tanh(ROOT * (x + CUBIC * x * x * x)));
    }

    private static double geluNewDerivative(double x) {
        double tanh = Math.tanh(ROOT * (x + CUBIC * x * x * x));
        return 0.5 * (1 + tanh) + 0.5 * x * (1 - tanh * tanh) * ROOT * (1 + 3 * CUBIC * x * x);
    }

    /** The cumulative normal distribution, by its power series; beyond 8 it is 0 or 1 to 15 digits. */
    private static double normal(double x) {
        if (Math.abs(x) > 8) {
            return x > 0 ? 1 : 0;
        }
        double sum = 0;
        double term = x;
        for (int n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n += 2) {
            sum += term;
            term *= x * x / (n + 2);
        }
        return 0.5 + sum * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
    }
}
