package lorikeet.test.ops;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import lorikeet.engine.GradCheck;
import lorikeet.engine.Shape;

/**
 * What an operation in one shape must give: its formula's output for random inputs, and the derivatives of a randomly
 * weighted sum of the output. They are found once and serve all devices.
 */
final class OpReference {
    /** Entries of an input's gradient that are compared one by one; a random direction through all comes on top. */
    private static final int ENTRIES = 300;

    private final Op op;
    private final Random random;
    private final List<Numbers> inputs = new ArrayList<>();
    private final double[] output;
    private final float[] weights;
    private final Map<Integer, Slopes> slopes = new HashMap<>();

    /** Derivatives by some entries of an input, and along a direction of ones and minus ones through all of them. */
    record Slopes(int[] entries, double[] derivatives, double[] direction, double along) {}

    OpReference(Op op, List<Shape> shapes) {
        this.op = op;
        random = new Random(op.name().hashCode());
        for (var shape : shapes) {
            inputs.add(new Numbers(shape, values(shape)));
        }
        output = formula(inputs);
        weights = new float[output.length];
        for (int i = 0; i < weights.length; i++) {
            weights[i] = (float) random.nextGaussian();
        }
    }

    Op op() {
        return op;
    }

    List<Numbers> inputs() {
        return inputs;
    }

    double[] output() {
        return output;
    }

    /** What each number of the output is weighted with before gradients are taken. */
    float[] weights() {
        return weights;
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

    /** By central differences of the formula. */
    Slopes slopes(int input) {
        return slopes.computeIfAbsent(input, this::differences);
    }

    private Slopes differences(int input) {
        var at = inputs.get(input).values();
        ToDoubleFunction<double[]> weighted = x -> {
            var changed = new ArrayList<>(inputs);
            changed.set(input, new Numbers(inputs.get(input).shape(), x));
            var y = formula(changed);
            return IntStream.range(0, y.length).mapToDouble(i -> weights[i] * y[i]).sum();
        };
        int[] entries = at.length <= ENTRIES
                ? IntStream.range(0, at.length).toArray()
                : random.ints(8, 0, at.length).toArray();
        var derivatives = Arrays.stream(entries).mapToDouble(entry -> GradCheck.derivative(weighted, at, entry))
                .toArray();
        var direction = random.doubles(at.length).map(uniform -> uniform < 0.5 ? -1 : 1).toArray();
        double along = GradCheck.derivative(step -> weighted.applyAsDouble(IntStream.range(0, at.length)
                .mapToDouble(i -> at[i] + step[0] * direction[i])
                .toArray()), new double[1], 0);
        return new Slopes(entries, derivatives, direction, along);
    }
}
