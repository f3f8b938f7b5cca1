package lorikeet.test.ops;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import lorikeet.engine.GradCheck;
import lorikeet.engine.Shape;
import lorikeet.engine.Tensor;
import lorikeet.kernels.Device;

/**
 * One operation in one shape on one device: forward against the formula in doubles, and the gradient of a randomly
 * weighted sum of the output against central differences of the formula. The gradient is taken with all inputs trainable
 * and with each of them alone, since what is saved for backward depends on it.
 */
final class OpCheck {
    private static final double FORWARD = 1e-5;
    private static final double GRADIENT = 1e-5;
    /** Entries of an input's gradient that are compared one by one; a random direction through all comes on top. */
    private static final int ENTRIES = 300;

    private final Device device;
    private final Op op;
    private final Random random;
    private final List<Numbers> inputs = new ArrayList<>();
    private final double[] expected;
    private final float[] weights;

    private OpCheck(Device device, Op op, List<Shape> shapes) {
        this.device = device;
        this.op = op;
        this.random = new Random(op.name().hashCode());
        for (var shape : shapes) {
            inputs.add(new Numbers(shape, values(shape)));
        }
        expected = formula(inputs);
        weights = new float[expected.length];
        for (int i = 0; i < weights.length; i++) {
            weights[i] = (float) random.nextGaussian();
        }
    }

    static void run(Device device, Op op, List<Shape> shapes) {
        long before = device.memory().ledger().current();
        var check = new OpCheck(device, op, shapes);
        check.forward();
        var all = IntStream.range(0, op.trainable()).boxed().toList();
        if (!all.isEmpty()) {
            check.gradients(all);
        }
        if (all.size() > 1) {
            all.forEach(input -> check.gradients(List.of(input)));
        }
        assertThat(device.memory().ledger().current()).as("bytes in use afterwards").isEqualTo(before);
    }

    /** The bits of the output and, with all inputs trainable, of every gradient. */
    static List<float[]> results(Device device, Op op, List<Shape> shapes) {
        var check = new OpCheck(device, op, shapes);
        var tensors = check.tensors(IntStream.range(0, op.trainable()).boxed().toList());
        try (var _ = device.memory().scope()) {
            var results = new ArrayList<float[]>();
            var y = op.engine().apply(tensors);
            results.add(y.toArray());
            if (op.trainable() > 0) {
                y.times(Tensor.of(device, y.shape(), check.weights)).sum().backward();
            }
            for (var tensor : tensors) {
                results.add(tensor.gradient() == null ? new float[0] : device.downloadFloats(tensor.gradient()));
            }
            return results;
        } finally {
            free(tensors);
        }
    }

    /** Numbers of single precision, so that the engine sees the same ones. */
    private double[] values(Shape shape) {
        var values = new double[Math.toIntExact(shape.size())];
        Arrays.setAll(values, _ -> (float) (0.05 + Math.abs(random.nextGaussian())));
        if (op.domain() == Op.Domain.REAL) {
            Arrays.setAll(values, i -> random.nextBoolean() ? values[i] : -values[i]);
        }
        return values;
    }

    private double[] formula(List<Numbers> at) {
        return op.formula().apply(at.toArray(Numbers[]::new));
    }

    private void forward() {
        try (var _ = device.memory().scope()) {
            var tensors = tensors(List.of());
            var y = op.engine().apply(tensors);
            assertThat(y.requiresGrad()).as("requires a gradient although no input does").isFalse();
            var actual = y.toArray();
            assertThat(actual).hasSameSizeAs(expected);
            double largest = Arrays.stream(expected).map(Math::abs).max().orElse(0);
            for (int i = 0; i < actual.length; i++) {
                if (!(Math.abs(actual[i] - expected[i]) <= FORWARD * largest)) {
                    throw new AssertionError(
                            "element " + i + " is " + actual[i] + ", the formula says " + expected[i]);
                }
            }
            free(tensors);
        }
    }

    private Tensor[] tensors(List<Integer> trainable) {
        var tensors = new Tensor[inputs.size()];
        for (int i = 0; i < tensors.length; i++) {
            var values = new float[inputs.get(i).values().length];
            for (int j = 0; j < values.length; j++) {
                values[j] = (float) inputs.get(i).values()[j];
            }
            tensors[i] = Tensor.parameter(device, inputs.get(i).shape(), values);
            if (!trainable.contains(i)) {
                tensors[i].freeze();
            }
        }
        return tensors;
    }

    private static void free(Tensor[] tensors) {
        for (var tensor : tensors) {
            tensor.free();
        }
    }

    private void gradients(List<Integer> trainable) {
        var tensors = tensors(trainable);
        var once = backward(tensors);
        for (int i = 0; i < tensors.length; i++) {
            if (trainable.contains(i)) {
                compare(i, once.get(i), "input " + i + " of " + trainable);
            } else {
                assertThat(tensors[i].gradient()).as("gradient of frozen input " + i).isNull();
            }
        }
        var twice = backward(tensors);
        for (int i : trainable) {
            double largest = largest(once.get(i));
            for (int j = 0; j < once.get(i).length; j++) {
                requireClose(twice.get(i)[j], 2 * once.get(i)[j], largest, "input " + i + " after a second backward");
            }
        }
        free(tensors);
    }

    /** The gradients of Σ weights · y so far; zeros where there is none. */
    private List<double[]> backward(Tensor[] tensors) {
        try (var _ = device.memory().scope()) {
            var y = op.engine().apply(tensors);
            y.times(Tensor.of(device, y.shape(), weights)).sum().backward();
            var gradients = new ArrayList<double[]>();
            for (var tensor : tensors) {
                var gradient = new double[Math.toIntExact(tensor.size())];
                if (tensor.gradient() != null) {
                    var floats = device.downloadFloats(tensor.gradient());
                    Arrays.setAll(gradient, i -> floats[i]);
                }
                gradients.add(gradient);
            }
            return gradients;
        }
    }

    private void compare(int input, double[] actual, String name) {
        var at = inputs.get(input).values();
        ToDoubleFunction<double[]> weighted = x -> {
            var changed = new ArrayList<>(inputs);
            changed.set(input, new Numbers(inputs.get(input).shape(), x));
            var y = formula(changed);
            return IntStream.range(0, y.length).mapToDouble(i -> weights[i] * y[i]).sum();
        };
        double largest = largest(actual);
        int[] entries = at.length <= ENTRIES
                ? IntStream.range(0, at.length).toArray()
                : random.ints(8, 0, at.length).toArray();
        for (int entry : entries) {
            double derivative = GradCheck.derivative(weighted, at, entry);
            requireClose(actual[entry], derivative, largest, name + ", entry " + entry);
        }
        var direction = random.doubles(at.length).map(uniform -> uniform < 0.5 ? -1 : 1).toArray();
        double along = IntStream.range(0, at.length).mapToDouble(i -> actual[i] * direction[i]).sum();
        double derivative = GradCheck.derivative(step -> weighted.applyAsDouble(IntStream.range(0, at.length)
                .mapToDouble(i -> at[i] + step[0] * direction[i])
                .toArray()), new double[1], 0);
        double norm = Math.sqrt(Arrays.stream(actual).map(x -> x * x).sum());
        requireClose(along, derivative, norm, name + ", random direction");
    }

    private static double largest(double[] x) {
        return Arrays.stream(x).map(Math::abs).max().orElse(0);
    }

    private static void requireClose(double actual, double expected, double scale, String name) {
        if (!(Math.abs(actual - expected) <= GRADIENT * Math.max(scale, Math.abs(expected)) + 1e-9)) {
            throw new AssertionError("gradient of " + name + " is " + actual + " instead of " + expected);
        }
    }
}
