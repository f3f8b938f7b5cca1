package lorikeet.test.ops;

import java.util.List;
import java.util.Random;
import lorikeet.engine.MatMul;
import lorikeet.engine.Normalisation;
import lorikeet.engine.Shape;
import lorikeet.engine.Tensor;
import lorikeet.kernels.AttentionShape;
import lorikeet.kernels.RandomKey;
import lorikeet.test.TestDevices;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

/** The operations with many sizes, in sizes that nobody chose. */
class OpPropertiesTest {
    private static TestDevices devices;

    @BeforeContainer
    static void openDevices() {
        devices = new TestDevices();
    }

    @AfterContainer
    static void closeDevices() {
        devices.close();
    }

    /** The gradient is so small that its direction is found by what the terms' rounding leaves. */
    @Example
    void attentionWithASmallGradient() {
        attention(-5326);
    }

    @Property(tries = 30)
    void attention(@ForAll long seed) {
        var random = new Random(seed);
        int sequences = random.nextInt(1, 5);
        var offsets = new int[sequences + 1];
        var start = new int[sequences];
        var length = new int[sequences];
        int prefixRows = random.nextInt(8);
        for (int s = 0; s < sequences; s++) {
            offsets[s + 1] = offsets[s] + random.nextInt(9);
            start[s] = random.nextInt(prefixRows + 1);
            length[s] = random.nextInt(prefixRows - start[s] + 1);
        }
        int kvHeads = random.nextInt(1, 3);
        var shape = new AttentionShape(kvHeads * random.nextInt(1, 4), kvHeads, random.nextInt(1, 11),
                random.nextFloat(), random.nextBoolean() ? 0 : 0.4f, new RandomKey(seed, 1));
        run(AttentionTable.row("attention", new AttentionTable.Layout(offsets, start, length, prefixRows), shape));
    }

    @Property(tries = 30)
    void linear(@ForAll @IntRange(min = 0, max = 24) int rows, @ForAll @IntRange(min = 0, max = 40) int in,
            @ForAll @IntRange(min = 0, max = 24) int out) {
        run(new Op("linear", List.of(List.of(Shape.of(rows, in), Shape.of(out, in), Shape.of(out))),
                x -> new Numbers(Shape.of(rows, out), x[0].product(x[1], 1, rows, in, out, true))
                        .zipRow(x[2], (a, b) -> a + b),
                x -> MatMul.linear(x[0], x[1], true, x[2])));
    }

    /** Both gradients of the bias are a thousandth of the terms that they are sums of. */
    @Example
    void linearWhoseTermsCancel() {
        linear(6, 22, 2);
    }

    @Property(tries = 30)
    void layerNormAndSoftmax(@ForAll @IntRange(min = 0, max = 24) int rows,
            @ForAll @IntRange(min = 3, max = 70) int columns) {
        var row = Shape.of(columns);
        run(new Op("layerNorm of softmax", List.of(List.of(Shape.of(rows, columns), row, row)),
                x -> OpTable.layerNorm(new Numbers(x[0].shape(), x[0].mapRows(OpTable::softmax)), x[1], x[2]),
                x -> Normalisation.layerNorm(x[0].softmax(), x[1], x[2], OpTable.EPSILON)));
    }

    /** Cut into three anywhere and joined again: nothing moves, and each part finds its way back. */
    @Property(tries = 30)
    void concatUndoesSlice(@ForAll @IntRange(min = 0, max = 2) int axis, @ForAll long seed) {
        var random = new Random(seed);
        var shape = Shape.of(random.nextInt(1, 6), random.nextInt(1, 6), random.nextInt(1, 6));
        int extent = shape.dim(axis);
        int first = random.nextInt(extent + 1);
        int second = random.nextInt(extent - first + 1);
        run(new Op("concat of slices", List.of(List.of(shape)), x -> x[0].values(),
                x -> Tensor.concat(axis, List.of(x[0].slice(axis, 0, first), x[0].slice(axis, first, second),
                        x[0].slice(axis, first + second, extent - first - second)))));
    }

    private static void run(Op op) {
        var reference = new OpReference(op, op.cases().getFirst());
        devices.byName().values().forEach(device -> OpCheck.run(device, reference));
    }
}
