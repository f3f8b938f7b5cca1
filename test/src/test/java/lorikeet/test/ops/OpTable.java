package lorikeet.test.ops;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import lorikeet.engine.CrossEntropy;
import lorikeet.engine.Embedding;
import lorikeet.engine.MatMul;
import lorikeet.engine.Normalisation;
import lorikeet.engine.Shape;
import lorikeet.engine.Tensor;
import lorikeet.kernels.DType;
import lorikeet.kernels.Device;
import lorikeet.kernels.Philox;
import lorikeet.kernels.Purpose;
import lorikeet.kernels.RandomKey;
import lorikeet.kernels.Unary;
import lorikeet.test.reference.Activation;

/** The operations, one row each; those of attention are in {@link AttentionTable}. */
final class OpTable {
    private static final List<Shape> ELEMENTWISE = List.of(Shape.of(0), Shape.of(1), Shape.scalar(), Shape.of(7),
            Shape.of(3, 0, 2), Shape.of(13, 17), Shape.of(3, 5, 7), Shape.of(257), Shape.of(1000), Shape.of(100_003));
    private static final List<Shape> MATRICES = List.of(Shape.of(0, 4), Shape.of(1, 1), Shape.of(1, 25), Shape.of(6, 1),
            Shape.of(13, 17), Shape.of(2, 3, 8), Shape.of(5, 257), Shape.of(2003, 33));
    static final float EPSILON = 1e-5f;
    private static final RandomKey KEY = new RandomKey(42, 7);

    private OpTable() {}

    static List<Op> ops() {
        return Stream
                .of(elementwise(), rows(), reductions(), layout(), products(), normalisation(), lookups(), losses(),
                        AttentionTable.ops())
                .flatMap(List::stream).toList();
    }

    // ---- element by element ------------------------------------------------------------------------------------------

    private static List<Op> elementwise() {
        var ops = new ArrayList<Op>();
        ops.add(new Op("plus", twice(ELEMENTWISE), x -> x[0].zip(x[1], (a, b) -> a + b), x -> x[0].plus(x[1])));
        ops.add(new Op("plus itself", once(ELEMENTWISE), x -> x[0].map(a -> a + a), x -> x[0].plus(x[0])));
        ops.add(new Op("times", twice(ELEMENTWISE), x -> x[0].zip(x[1], (a, b) -> a * b), x -> x[0].times(x[1])));
        ops.add(new Op("times itself", once(ELEMENTWISE), x -> x[0].map(a -> a * a), x -> x[0].times(x[0])));
        ops.add(new Op("dividedBy", twice(ELEMENTWISE), Op.Domain.POSITIVE, x -> x[0].zip(x[1], (a, b) -> a / (b + 1)),
                x -> x[0].dividedBy(x[1].plus(ones(x[1])))));
        ops.add(new Op("times a number", once(ELEMENTWISE), x -> x[0].map(a -> -2.5 * a), x -> x[0].times(-2.5f)));
        for (var unary : Unary.values()) {
            ops.add(new Op(unary.name(), once(ELEMENTWISE),
                    unary == Unary.SQRT ? Op.Domain.POSITIVE : Op.Domain.REAL, x -> x[0].map(formula(unary)),
                    x -> x[0].map(unary)));
        }
        ops.add(new Op("dropout", once(ELEMENTWISE), x -> dropout(x[0].values(), 0.3f), x -> x[0].dropout(0.3f, KEY)));
        ops.add(new Op("dropout of nothing", once(ELEMENTWISE), x -> x[0].values(), x -> x[0].dropout(0, KEY)));
        ops.add(new Op("recompute", twice(ELEMENTWISE), x -> x[0].zip(x[1], (a, b) -> Math.tanh(a * b) * b),
                x -> Tensor.recompute(List.of(x), inner -> inner.get(0).times(inner.get(1)).map(Unary.TANH)
                        .times(inner.get(1)))));
        return ops;
    }

    private static DoubleUnaryOperator formula(Unary unary) {
        return switch (unary) {
            case GELU_TANH -> Activation.GELU_NEW::apply;
            case GELU_ERF -> Activation.GELU::apply;
            case RELU -> Activation.RELU::apply;
            case SILU -> Activation.SILU::apply;
            case TANH -> Activation.TANH::apply;
            case SIGMOID -> Activation.SIGMOID::apply;
            case SQRT -> Math::sqrt;
        };
    }

    private static double[] dropout(double[] x, float p) {
        return IntStream.range(0, x.length).mapToDouble(i -> {
            float uniform = Philox.uniform(Philox.block(KEY, i / 4)[i % 4]);
            return uniform >= p ? x[i] / (1.0 - p) : 0;
        }).toArray();
    }

    private static Tensor ones(Tensor like) {
        var ones = Tensor.allocate(like.device(), like.shape(), DType.F32, Purpose.ACTIVATIONS);
        like.device().fill(ones.data(), 1);
        return ones;
    }

    // ---- rows and reductions -----------------------------------------------------------------------------------------

    private static List<Op> rows() {
        var ops = new ArrayList<Op>();
        ops.add(new Op("plusRow", withRow(MATRICES), x -> x[0].zipRow(x[1], (a, b) -> a + b),
                x -> x[0].plusRow(x[1])));
        ops.add(new Op("timesRow", withRow(MATRICES), x -> x[0].zipRow(x[1], (a, b) -> a * b),
                x -> x[0].timesRow(x[1])));
        for (var unary : EnumSet.complementOf(EnumSet.of(Unary.SQRT, Unary.RELU))) { // a sum may lie at RELU's kink
            ops.add(new Op(unary + " with a bias", withRow(MATRICES),
                    x -> x[0].zipRow(x[1], (a, b) -> formula(unary).applyAsDouble(a + b)),
                    x -> x[0].map(unary, x[1])));
        }
        return ops;
    }

    private static List<Op> reductions() {
        var ops = new ArrayList<Op>();
        ops.add(new Op("sum of all", once(ELEMENTWISE), Op.Domain.POSITIVE,
                x -> new double[] {Arrays.stream(x[0].values()).sum()}, x -> x[0].sum()));
        ops.add(new Op("mean of all", once(List.of(Shape.of(1), Shape.of(13, 17), Shape.of(100_003))),
                Op.Domain.POSITIVE, x -> new double[] {Arrays.stream(x[0].values()).average().orElseThrow()},
                x -> x[0].mean()));
        var shapes = List.of(Shape.of(1, 1, 1), Shape.of(4, 5, 6), Shape.of(3, 0, 2), Shape.of(0, 3, 2),
                Shape.of(2, 257, 3), Shape.of(7, 64, 33));
        for (int axis = -1; axis < 2; axis++) {
            int at = axis;
            ops.add(new Op("sum over axis " + at, once(shapes), Op.Domain.POSITIVE,
                    x -> sum(x[0], x[0].shape().axis(at)),
                    x -> x[0].sum(at)));
        }
        ops.add(new Op("mean over axis 1", once(List.of(Shape.of(4, 5, 6), Shape.of(2, 257, 3))), Op.Domain.POSITIVE,
                x -> Arrays.stream(sum(x[0], 1)).map(sum -> sum / x[0].dim(1)).toArray(), x -> x[0].mean(1)));
        for (int axis = 0; axis <= 2; axis++) {
            int at = axis;
            ops.add(new Op("repeat at axis " + at, once(List.of(Shape.of(1, 1), Shape.of(3, 5), Shape.of(0, 5),
                    Shape.of(33, 65))), x -> repeat(x[0], at, 3), x -> x[0].repeat(at, 3)));
        }
        return ops;
    }

    private static double[] sum(Numbers x, int axis) {
        int inner = product(x.shape(), axis + 1, x.shape().rank());
        int reduce = x.dim(axis);
        var y = new double[product(x.shape(), 0, axis) * inner];
        for (int i = 0; i < x.values().length; i++) {
            y[i / (reduce * inner) * inner + i % inner] += x.values()[i];
        }
        return y;
    }

    private static double[] repeat(Numbers x, int axis, int count) {
        int inner = product(x.shape(), axis, x.shape().rank());
        return IntStream.range(0, x.values().length * count)
                .mapToDouble(i -> x.values()[i / (count * inner) * inner + i % inner])
                .toArray();
    }

    private static int product(Shape shape, int from, int to) {
        return IntStream.range(from, to).map(shape::dim).reduce(1, (a, b) -> a * b);
    }

    // ---- layout ------------------------------------------------------------------------------------------------------

    private static List<Op> layout() {
        var shapes = List.of(Shape.of(1, 1, 1), Shape.of(2, 3, 4), Shape.of(0, 3, 2), Shape.of(17, 3, 33),
                Shape.of(5, 64, 48));
        var ops = new ArrayList<Op>();
        ops.add(new Op("reshape", once(shapes), x -> x[0].values(), x -> x[0].reshape(Shape.of((int) x[0].size(), 1))));
        for (int[] axes : new int[][] {{0, 1}, {1, 2}, {0, 2}, {2, 0}, {1, 1}}) {
            ops.add(new Op("transpose " + Arrays.toString(axes), once(shapes), x -> transpose(x[0], axes),
                    x -> x[0].transpose(axes[0], axes[1])));
        }
        for (int axis = 0; axis < 3; axis++) {
            int at = axis;
            ops.add(new Op("slice of axis " + at, once(List.of(Shape.of(3, 4, 5), Shape.of(35, 7, 6))),
                    x -> slice(x[0], at, 1, 2), x -> x[0].slice(at, 1, 2)));
            ops.add(new Op("slice of nothing of axis " + at, once(List.of(Shape.of(3, 4, 5))),
                    _ -> new double[0], x -> x[0].slice(at, 2, 0)));
            ops.add(new Op("concat along axis " + at,
                    List.of(joined(at, 1, 2, 3), joined(at, 5, 0, 1), joined(at, 1, 1, 1)),
                    x -> concat(at, x), x -> Tensor.concat(at, List.of(x))));
        }
        ops.add(new Op("concat with itself", once(shapes), x -> concat(1, x[0], x[0]),
                x -> Tensor.concat(1, List.of(x[0], x[0]))));
        return ops;
    }

    private static List<Shape> joined(int axis, int... extents) {
        return Arrays.stream(extents).mapToObj(extent -> Shape.of(3, 4, 5).with(axis, extent)).toList();
    }

    private static double[] transpose(Numbers x, int[] axes) {
        int[] dims = x.shape().toArray();
        int[] stride = {dims[1] * dims[2], dims[2], 1};
        exchange(dims, axes);
        exchange(stride, axes);
        var y = new double[x.values().length];
        for (int i = 0; i < y.length; i++) {
            int from =
                    i / (dims[1] * dims[2]) * stride[0] + i / dims[2] % dims[1] * stride[1] + i % dims[2] * stride[2];
            y[i] = x.values()[from];
        }
        return y;
    }

    private static void exchange(int[] array, int[] places) {
        int kept = array[places[0]];
        array[places[0]] = array[places[1]];
        array[places[1]] = kept;
    }

    private static double[] slice(Numbers x, int axis, int from, int count) {
        int inner = product(x.shape(), axis + 1, x.shape().rank());
        return IntStream.range(0, x.values().length).filter(i -> {
            int entry = i / inner % x.dim(axis);
            return entry >= from && entry < from + count;
        }).mapToDouble(i -> x.values()[i]).toArray();
    }

    private static double[] concat(int axis, Numbers... parts) {
        var y = new ArrayList<Double>();
        for (int outer = 0; outer < product(parts[0].shape(), 0, axis); outer++) {
            for (var part : parts) {
                int width = product(part.shape(), axis, part.shape().rank());
                for (int i = 0; i < width; i++) {
                    y.add(part.values()[outer * width + i]);
                }
            }
        }
        return y.stream().mapToDouble(Double::doubleValue).toArray();
    }

    // ---- products ----------------------------------------------------------------------------------------------------

    private static List<Op> products() {
        int[][] sizes =
                {{1, 1, 1}, {1, 8, 1}, {4, 1, 3}, {13, 17, 6}, {5, 33, 129}, {207, 64, 25}, {0, 3, 2}, {3, 2, 0},
                    {3, 0, 2}}; // rows, inner, columns
        return List.of(
                new Op("matmul", shapes(sizes, (m, k, n) -> List.of(Shape.of(m, k), Shape.of(k, n))),
                        x -> x[0].product(x[1], 1, x[0].dim(0), x[0].dim(1), x[1].dim(1), false),
                        x -> x[0].matmul(x[1])),
                new Op("matmul of more axes", shapes(sizes, (m, k, n) -> List.of(Shape.of(2, m, k), Shape.of(k, n))),
                        x -> x[0].product(x[1], 1, 2 * x[0].dim(1), x[0].dim(2), x[1].dim(1), false),
                        x -> x[0].matmul(x[1])),
                new Op("matmulTransposed", shapes(sizes, (m, k, n) -> List.of(Shape.of(m, k), Shape.of(n, k))),
                        x -> x[0].product(x[1], 1, x[0].dim(0), x[0].dim(1), x[1].dim(0), true),
                        x -> x[0].matmulTransposed(x[1])),
                new Op("matmul of batches", shapes(sizes, (m, k, n) -> List.of(Shape.of(3, m, k), Shape.of(3, k, n))),
                        x -> x[0].product(x[1], 3, x[0].dim(1), x[0].dim(2), x[1].dim(2), false),
                        x -> x[0].matmul(x[1])),
                new Op("matmulTransposed of batches",
                        shapes(sizes, (m, k, n) -> List.of(Shape.of(3, m, k), Shape.of(3, n, k))),
                        x -> x[0].product(x[1], 3, x[0].dim(1), x[0].dim(2), x[1].dim(1), true),
                        x -> x[0].matmulTransposed(x[1])),
                new Op("linear", shapes(sizes, (m, k, n) -> List.of(Shape.of(m, k), Shape.of(k, n), Shape.of(n))),
                        x -> new Numbers(Shape.of(x[0].dim(0), x[1].dim(1)),
                                x[0].product(x[1], 1, x[0].dim(0), x[0].dim(1), x[1].dim(1), false))
                                .zipRow(x[2], (a, b) -> a + b),
                        x -> MatMul.linear(x[0], x[1], false, x[2])),
                new Op("linear, transposed, without bias",
                        shapes(sizes, (m, k, n) -> List.of(Shape.of(m, k), Shape.of(n, k))),
                        x -> x[0].product(x[1], 1, x[0].dim(0), x[0].dim(1), x[1].dim(0), true),
                        x -> MatMul.linear(x[0], x[1], true, null)),
                new Op("linear with a frozen bf16 weight",
                        shapes(sizes, (m, k, n) -> List.of(Shape.of(m, k), Shape.of(k, n))), Op.Domain.REAL, 1,
                        x -> x[0].product(rounded(x[1]), 1, x[0].dim(0), x[0].dim(1), x[1].dim(1), false),
                        x -> MatMul.linear(x[0], bf16(x[1]), false, null)),
                new Op("addProduct",
                        shapes(sizes, (m, k, n) -> List.of(Shape.of(m, n), Shape.of(m, k), Shape.of(n, k))),
                        x -> x[0].zip(new Numbers(x[0].shape(),
                                x[1].product(x[2], 1, x[1].dim(0), x[1].dim(1), x[2].dim(0), true)),
                                (h, product) -> h + 0.5 * product),
                        x -> MatMul.addProduct(x[0].times(1), 0, x[1], x[2], 0.5f)),
                new Op("addProduct to some columns",
                        shapes(sizes, (m, k, n) -> List.of(Shape.of(m, n + 3), Shape.of(m, k), Shape.of(n, k))),
                        x -> x[0].zip(new Numbers(x[0].shape(), inColumns(2, x[0], x[2].dim(0),
                                x[1].product(x[2], 1, x[1].dim(0), x[1].dim(1), x[2].dim(0), true))),
                                (h, product) -> h + 0.5 * product),
                        x -> MatMul.addProduct(x[0].times(1), 2, x[1], x[2], 0.5f)));
    }

    /** Rows of {@code width} numbers, from column {@code from} on in rows as wide as {@code like}'s, zeros beside them. */
    private static double[] inColumns(int from, Numbers like, int width, double[] narrow) {
        var wide = new double[like.values().length];
        for (int i = 0; i < narrow.length; i++) {
            wide[i / width * like.dim(1) + from + i % width] = narrow[i];
        }
        return wide;
    }

    private interface Product {
        List<Shape> shapes(int rows, int inner, int columns);
    }

    private static List<List<Shape>> shapes(int[][] sizes, Product product) {
        return Arrays.stream(sizes).map(size -> product.shapes(size[0], size[1], size[2])).toList();
    }

    private static Tensor bf16(Tensor x) {
        var y = Tensor.allocate(x.device(), x.shape(), DType.BF16, Purpose.ACTIVATIONS);
        x.device().copy(y.data(), x.data());
        return y;
    }

    /** To bf16, to nearest, ties to even. */
    private static Numbers rounded(Numbers x) {
        return new Numbers(x.shape(), x.map(value -> {
            int bits = Float.floatToIntBits((float) value);
            return Float.intBitsToFloat(bits + 0x7FFF + (bits >>> 16 & 1) & 0xFFFF0000);
        }));
    }

    // ---- layers ------------------------------------------------------------------------------------------------------

    private static List<Op> normalisation() {
        return List.of(
                new Op("softmax", once(MATRICES), x -> x[0].mapRows(OpTable::softmax), x -> x[0].softmax()),
                new Op("layerNorm", MATRICES.stream().filter(shape -> shape.columns() > 1)
                        .map(shape -> List.of(shape, Shape.of(shape.columns()), Shape.of(shape.columns()))).toList(),
                        x -> layerNorm(x[0], x[1], x[2]),
                        x -> Normalisation.layerNorm(x[0], x[1], x[2], EPSILON)),
                new Op("addLayerNorm", MATRICES.stream().filter(shape -> shape.columns() > 1)
                        .map(shape -> List.of(shape, shape, Shape.of(shape.columns()), Shape.of(shape.columns())))
                        .toList(), OpTable::addLayerNorm, x -> {
                            var both = Normalisation.addLayerNorm(x[0], x[1], x[2], x[3], EPSILON);
                            return both.sum().plus(both.normed());
                        }));
    }

    /** The sum and its norm, added up to make one output. */
    private static double[] addLayerNorm(Numbers... x) {
        var sum = new Numbers(x[0].shape(), x[0].zip(x[1], (a, b) -> a + b));
        return sum.zip(new Numbers(x[0].shape(), layerNorm(sum, x[2], x[3])), (a, b) -> a + b);
    }

    static double[] softmax(double[] row) {
        double largest = Arrays.stream(row).max().orElseThrow();
        double sum = Arrays.stream(row).map(x -> Math.exp(x - largest)).sum();
        return Arrays.stream(row).map(x -> Math.exp(x - largest) / sum).toArray();
    }

    static double[] layerNorm(Numbers x, Numbers gamma, Numbers beta) {
        var scaled = new Numbers(x.shape(), x.mapRows(OpTable::normalised)).zipRow(gamma, (a, b) -> a * b);
        return new Numbers(x.shape(), scaled).zipRow(beta, (a, b) -> a + b);
    }

    private static double[] normalised(double[] row) {
        double mean = Arrays.stream(row).average().orElseThrow();
        double variance = Arrays.stream(row).map(x -> (x - mean) * (x - mean)).average().orElseThrow();
        return Arrays.stream(row).map(x -> (x - mean) / Math.sqrt(variance + EPSILON)).toArray();
    }

    private static List<Op> lookups() {
        var tables = once(List.of(Shape.of(1, 1), Shape.of(5, 8), Shape.of(13, 257), Shape.of(3, 0)));
        return List.of(
                new Op("embedding", tables, x -> lookup(x[0], ids(x[0].dim(0))),
                        x -> Embedding.lookup(x[0], ids(x[0].shape().dim(0)))),
                new Op("embedding of nothing", tables, _ -> new double[0], x -> Embedding.lookup(x[0], new int[0])),
                new Op("embedding from a frozen bf16 table", tables, Op.Domain.REAL, 0,
                        x -> lookup(rounded(x[0]), ids(x[0].dim(0))),
                        x -> Embedding.lookup(bf16(x[0]), ids(x[0].shape().dim(0)))));
    }

    /** Some entries often, some once, one never. */
    private static int[] ids(int entries) {
        return IntStream.range(0, 4 * entries).map(i -> i * i % 7 % Math.max(1, entries - 1)).toArray();
    }

    private static double[] lookup(Numbers table, int[] ids) {
        return IntStream.range(0, ids.length * table.dim(1))
                .mapToDouble(i -> table.at(ids[i / table.dim(1)], i % table.dim(1)))
                .toArray();
    }

    // ---- losses ------------------------------------------------------------------------------------------------------

    private static List<Op> losses() {
        var logits = List.of(Shape.of(1, 1), Shape.of(1, 3), Shape.of(4, 7), Shape.of(6, 257), Shape.of(0, 5),
                Shape.of(300, 33));
        var heads =
                logits.stream().map(shape -> List.of(Shape.of(shape.dim(0), 6), Shape.of(shape.dim(1), 6))).toList();
        return List.of(
                new Op("crossEntropy", once(logits), x -> sumOfLosses(x[0]),
                        x -> CrossEntropy.crossEntropy(x[0], labels(x[0].shape()), 0.25f)),
                new Op("crossEntropy of hidden states", heads, x -> sumOfLosses(logits(x[0], x[1])),
                        x -> CrossEntropy.ofHidden(x[0], x[1], labels(x), 0.25f)),
                new Op("crossEntropy of hidden states with a frozen bf16 head", heads, Op.Domain.REAL, 1,
                        x -> sumOfLosses(logits(x[0], rounded(x[1]))),
                        x -> CrossEntropy.ofHidden(x[0], bf16(x[1]), labels(x), 0.25f)),
                new Op("losses of each row", heads, Op.Domain.REAL, 0, x -> losses(logits(x[0], x[1])),
                        x -> CrossEntropy.perRow(x[0], x[1], labels(x))));
    }

    private static int[] labels(Tensor[] hiddenAndHead) {
        return labels(Shape.of(hiddenAndHead[0].shape().dim(0), hiddenAndHead[1].shape().dim(0)));
    }

    /** Every third row has none, but the first has one. */
    private static int[] labels(Shape logits) {
        return IntStream.range(0, logits.dim(0))
                .map(row -> row % 3 == 2 ? Device.IGNORED_LABEL : row * 5 % logits.dim(1))
                .toArray();
    }

    private static Numbers logits(Numbers hidden, Numbers head) {
        return new Numbers(Shape.of(hidden.dim(0), head.dim(0)),
                hidden.product(head, 1, hidden.dim(0), hidden.dim(1), head.dim(0), true));
    }

    private static double[] sumOfLosses(Numbers logits) {
        return new double[] {0.25 * Arrays.stream(losses(logits)).sum()};
    }

    private static double[] losses(Numbers logits) {
        var probabilities = new Numbers(logits.shape(), logits.mapRows(OpTable::softmax));
        int[] labels = labels(logits.shape());
        return IntStream.range(0, labels.length)
                .mapToDouble(row -> labels[row] < 0 ? 0 : -Math.log(probabilities.at(row, labels[row])))
                .toArray();
    }

    // ---- shapes ------------------------------------------------------------------------------------------------------

    private static List<List<Shape>> once(List<Shape> shapes) {
        return shapes.stream().map(List::of).toList();
    }

    private static List<List<Shape>> twice(List<Shape> shapes) {
        return shapes.stream().map(shape -> List.of(shape, shape)).toList();
    }

    private static List<List<Shape>> withRow(List<Shape> shapes) {
        return shapes.stream().map(shape -> List.of(shape, Shape.of(shape.columns()))).toList();
    }
}
