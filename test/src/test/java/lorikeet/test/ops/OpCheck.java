package lorikeet.test.ops;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
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
    /** Of the largest term, a gradient that comes in times an input: what is left where terms cancel carries their rounding. */
    private static final double ROUNDING = 2e-7;

    private final Device device;
    private final OpReference reference;
    private final Op op;
    private final double rounding;

    private OpCheck(Device device, OpReference reference) {
        this.device = device;
        this.reference = reference;
        op = reference.op();
        double largest = 0;
        for (float weight : reference.weights()) {
            largest = Math.max(largest, Math.abs(weight));
        }
        double input = reference.inputs().stream().mapToDouble(x -> largest(x.values())).max().orElse(0);
        rounding = ROUNDING * largest * Math.max(1, input);
    }

    static void run(Device device, OpReference reference) {
        long before = device.memory().ledger().current();
        var check = new OpCheck(device, reference);
        check.forward();
        var all = IntStream.range(0, reference.op().trainable()).boxed().toList();
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
        var reference = new OpReference(op, shapes);
        var check = new OpCheck(device, reference);
        var tensors = check.tensors(IntStream.range(0, op.trainable()).boxed().toList());
        try (var _ = device.memory().scope()) {
            var results = new ArrayList<float[]>();
            var y = op.engine().apply(tensors);
            results.add(y.toArray());
            if (op.trainable() > 0) {
                y.times(Tensor.of(device, y.shape(), reference.weights())).sum().backward();
            }
            for (var tensor : tensors) {
                results.add(tensor.gradient() == null ? new float[0] : device.downloadFloats(tensor.gradient()));
            }
            return results;
        } finally {
            free(tensors);
        }
    }

    private void forward() {
        try (var _ = device.memory().scope()) {
            var tensors = tensors(List.of());
            var y = op.engine().apply(tensors);
            assertThat(y.requiresGrad()).as("requires a gradient although no input does").isFalse();
            var actual = y.toArray();
            var expected = reference.output();
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
        var inputs = reference.inputs();
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
                requireClose(twice.get(i)[j], 2 * once.get(i)[j], largest, rounding,
                        "input " + i + " after a second backward");
            }
        }
        free(tensors);
    }

    /** The gradients of Σ weights · y so far; zeros where there is none. */
    private List<double[]> backward(Tensor[] tensors) {
        try (var _ = device.memory().scope()) {
            var y = op.engine().apply(tensors);
            y.times(Tensor.of(device, y.shape(), reference.weights())).sum().backward();
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
        var slopes = reference.slopes(input);
        double largest = largest(actual);
        for (int i = 0; i < slopes.entries().length; i++) {
            int entry = slopes.entries()[i];
            requireClose(actual[entry], slopes.derivatives()[i], largest, rounding, name + ", entry " + entry);
        }
        double along = IntStream.range(0, actual.length).mapToDouble(i -> actual[i] * slopes.direction()[i]).sum();
        double norm = Math.sqrt(Arrays.stream(actual).map(x -> x * x).sum());
        // Errors of so many entries, of either sign, add up like steps of a random walk.
        requireClose(along, slopes.along(), norm, rounding * Math.sqrt(actual.length), name + ", random direction");
    }

    private static double largest(double[] x) {
        return Arrays.stream(x).map(Math::abs).max().orElse(0);
    }

    private static void requireClose(double actual, double expected, double scale, double rounding, String name) {
        if (!(Math.abs(actual - expected) <= GRADIENT * Math.max(scale, Math.abs(expected)) + rounding)) {
            throw new AssertionError("gradient of " + name + " is " + actual + " instead of " + expected);
        }
    }
}
