package lorikeet.engine;

import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;
import lorikeet.kernels.Buffer;
import lorikeet.kernels.DType;
import lorikeet.kernels.Device;
import lorikeet.kernels.Matrix;
import lorikeet.kernels.Purpose;
import lorikeet.kernels.RandomKey;
import lorikeet.kernels.Unary;

/**
 * A shape and numbers on a device, and, if it {@linkplain #requiresGrad requires a gradient}, the gradient of the loss with
 * respect to these numbers. Tensors are compact and row-major; operations make new ones.
 *
 * <p>A tensor is a <i>leaf</i> (a parameter or an input) or the result of an operation. A result's memory belongs to the
 * memory scope in which it was made; its gradient lives only while backward passes through. A leaf's gradient stays, and
 * backward adds to it until {@link #zeroGradient}.
 */
public final class Tensor {
    private final Shape shape;
    private Buffer data;
    private boolean requiresGrad;
    /** How to make the numbers again, or null: see {@link #cheap}. */
    private Recipe recipe;
    private Node node;
    private Buffer gradient;
    /** Whether {@link #gradient} holds numbers, rather than memory to be overwritten. */
    private boolean gradientFilled;
    private final int number = Recomputation.nextNumber();

    private Tensor(Shape shape, Buffer data) {
        if (shape.size() != data.size()) {
            throw new IllegalArgumentException("shape " + shape + " does not fit " + data);
        }
        this.shape = shape;
        this.data = data;
    }

    // ---- making ------------------------------------------------------------------------------------------------------

    /** A tensor over existing memory, which stays the caller's. */
    public static Tensor over(Buffer data, Shape shape) {
        return new Tensor(shape, data);
    }

    /** Uninitialised memory for {@code purpose}. */
    public static Tensor allocate(Device device, Shape shape, DType dtype, Purpose purpose) {
        return new Tensor(shape, device.memory().allocate(dtype, shape.size(), purpose));
    }

    /** An input: values from the host, living in the innermost memory scope. */
    public static Tensor of(Device device, Shape shape, float... values) {
        var tensor = allocate(device, shape, DType.F32, Purpose.ACTIVATIONS);
        device.upload(tensor.data, values);
        return tensor;
    }

    /** Whole numbers, such as token ids, living in the innermost memory scope. */
    public static Tensor ofInts(Device device, int... values) {
        var tensor = allocate(device, Shape.of(values.length), DType.I32, Purpose.ACTIVATIONS);
        device.upload(tensor.data, values);
        return tensor;
    }

    /** A parameter: values from the host, living until {@link #free}; trainable until {@link #freeze}. */
    public static Tensor parameter(Device device, Shape shape, float... values) {
        return parameter(device, shape, () -> values);
    }

    /** A parameter like this, whose values are made only where they are kept. */
    static Tensor parameter(Device device, Shape shape, Supplier<float[]> values) {
        var tensor = allocate(device, shape, DType.F32, Purpose.WEIGHTS);
        device.upload(tensor.data, values);
        return tensor.train();
    }

    /** An activation of the given shape on this tensor's device. */
    Tensor result(Shape resultShape) {
        return allocate(device(), resultShape, DType.F32, Purpose.ACTIVATIONS);
    }

    /** An activation of this tensor's shape. */
    Tensor result() {
        return result(shape);
    }

    // ---- looking -----------------------------------------------------------------------------------------------------

    public Shape shape() {
        return shape;
    }

    public DType dtype() {
        return data.dtype();
    }

    public Device device() {
        return data.device();
    }

    /** Number of elements. */
    public long size() {
        return data.size();
    }

    /** The memory behind the numbers. */
    public Buffer data() {
        return data;
    }

    /** A copy of the numbers on the host. Waits for the device. */
    public float[] toArray() {
        return device().downloadFloats(data);
    }

    /** The only element. Waits for the device. */
    public float item() {
        if (size() != 1) {
            throw new IllegalStateException("item() of a tensor of shape " + shape);
        }
        return device().read(data, 0);
    }

    /** All but the last axis as rows: how products see a tensor. */
    public Matrix matrix() {
        return Matrix.of(data, shape.rows(), shape.columns());
    }

    // ---- gradients ---------------------------------------------------------------------------------------------------

    /** Whether backward computes a gradient for this tensor: a trainable leaf, or the result of an operation on one. */
    public boolean requiresGrad() {
        return requiresGrad;
    }

    /** Makes this leaf trainable. */
    public Tensor train() {
        if (node != null || dtype() != DType.F32) {
            throw new IllegalStateException("only F32 leaves can be trained, not " + this);
        }
        requiresGrad = true;
        if (data.purpose() == Purpose.WEIGHTS) {
            data.thaw();
        }
        return this;
    }

    /** Makes this leaf untrainable and frees its gradient. */
    public Tensor freeze() {
        if (node != null) {
            throw new IllegalStateException("only leaves can be frozen, not the result of an operation");
        }
        requiresGrad = false;
        freeGradient();
        if (data.purpose() == Purpose.WEIGHTS) {
            data.freeze();
        }
        return this;
    }

    /** Runs {@code work}, which writes to the numbers of this leaf, be it frozen or not. */
    public void change(Runnable work) {
        boolean frozen = data.frozen();
        data.thaw();
        try {
            work.run();
        } finally {
            if (frozen) {
                data.freeze();
            }
        }
    }

    /** The gradient that backward has left in this leaf, or null if it has not reached it since {@link #zeroGradient}. */
    public Buffer gradient() {
        return gradientFilled ? gradient : null;
    }

    /** Forgets the gradient but keeps its memory for the next one. */
    public void zeroGradient() {
        gradientFilled = false;
    }

    /** Frees a leaf's memory and that of its gradient. */
    public void free() {
        freeGradient();
        data.release();
    }

    /** Frees a leaf's gradient. */
    void freeGradient() {
        if (gradient != null) {
            gradient.release();
            gradient = null;
            gradientFilled = false;
        }
    }

    /**
     * Computes {@code body} of {@code inputs} without keeping anything but the result, and computes it again in backward,
     * when its inner values are needed (Chen et al. 2016: Training deep nets with sublinear memory cost).
     *
     * @param inputs all results of operations that the body reads; it must use those that it is given
     */
    public static Tensor recompute(List<Tensor> inputs, Function<List<Tensor>, Tensor> body) {
        return Recomputation.run(inputs, body);
    }

    /** Computes the gradient of this single number with respect to every trainable leaf that it depends on. */
    public void backward() {
        Backward.run(this);
    }

    /**
     * Names the operation behind this tensor by its gradient rules. If none is needed, or recording is off, nothing is
     * remembered and nothing saved.
     */
    Tensor derive(Gradient... gradients) {
        AnomalySearch.result(this, gradients);
        if (!Autograd.recording()) {
            return this;
        }
        int needed = 0;
        for (var candidate : gradients) {
            if (candidate.needed()) {
                gradients[needed++] = candidate;
            }
        }
        return needed == 0 ? this : remember(Arrays.copyOf(gradients, needed));
    }

    /** How to make a result again: {@code work} writes to its memory and reads no other results than {@code from}. */
    private record Recipe(Runnable work, Tensor[] from) {}

    /**
     * Names how to make this result again from values that its own backward keeps anyway. Others whose backward reads it
     * then keep those values instead of its own.
     */
    Tensor cheap(Runnable work, Tensor... from) {
        if (node != null) {
            recipe = new Recipe(work, from);
        }
        return this;
    }

    /** Retains what must stay in memory so that {@link #restore} can give the numbers back, and adds it to {@code kept}. */
    void keep(List<Buffer> kept) {
        if (recipe == null) {
            kept.add(data.retain());
            return;
        }
        for (var tensor : recipe.from) {
            tensor.keep(kept);
        }
    }

    /** Makes the numbers again, in the innermost memory scope, if their memory has been released. */
    void restore() {
        if (recipe != null && !data.isAlive()) {
            for (var tensor : recipe.from) {
                tensor.restore();
            }
            data = device().memory().allocate(dtype(), size(), Purpose.ACTIVATIONS);
            recipe.work.run();
        }
    }

    /** Like {@link #derive}, for a rule that must run whatever its inputs require. */
    Tensor deriveAlways(Gradient gradient) {
        return remember(gradient);
    }

    private Tensor remember(Gradient... gradients) {
        requiresGrad = true;
        node = new Node(gradients);
        device().memory().atEndOfStep(this::discard);
        return this;
    }

    Node node() {
        return node;
    }

    /** See {@link Recomputation#nextNumber}. */
    int number() {
        return number;
    }

    /** Passes this result's gradient on to its inputs and frees it. */
    void runBackward() {
        if (gradientFilled) {
            node.run(gradient);
        }
        discard();
    }

    /** Lets go of everything that was kept for backward. */
    void discard() {
        node.discard();
        freeGradient();
    }

    interface GradientWriter {
        /** Writes a gradient to {@code dx}, or adds it to what is there if {@code add}. */
        void write(Buffer dx, boolean add);
    }

    /** Adds a contribution to this tensor's gradient: the first one is written, later ones are added. */
    void accumulate(GradientWriter writer) {
        if (!requiresGrad) {
            return;
        }
        if (gradient == null) {
            gradient = allocateGradient();
        } else if (gradientFilled && gradient.shared()) {
            var shared = gradient;
            gradient = device().memory().allocateOwned(DType.F32, size(), shared.purpose());
            try {
                device().copy(gradient, shared);
            } finally {
                shared.release();
            }
        }
        writer.write(gradient, gradientFilled);
        gradientFilled = true;
    }

    /** Adds {@code dy} to this tensor's gradient; a result whose first contribution it is shares the memory instead. */
    void accumulate(Buffer dy) {
        if (requiresGrad && node != null && gradient == null) {
            gradient = dy.retain();
            gradientFilled = true;
        } else {
            accumulate((dx, add) -> device().scale(dx, dy, 1, add));
        }
    }

    private Buffer allocateGradient() {
        var purpose = data.purpose() == Purpose.WEIGHTS ? Purpose.GRADIENTS : Purpose.ACTIVATIONS;
        return device().memory().allocateOwned(DType.F32, size(), purpose);
    }

    /**
     * Memory for a contribution to the gradient that is computed in forward already, while what it follows from is there: that
     * of the last gradient, if it lies unused. It is the caller's.
     */
    Buffer takeGradientMemory() {
        if (gradient == null || gradientFilled) {
            return allocateGradient();
        }
        var taken = gradient;
        gradient = null;
        return taken;
    }

    /** Adds a contribution in memory that was {@linkplain #takeGradientMemory taken}, and keeps the memory if it is the first. */
    void accumulateTaken(Buffer dx) {
        if (gradient == null) {
            gradient = dx.retain();
            gradientFilled = true;
        } else {
            accumulate((sum, add) -> device().scale(sum, dx, 1, add));
        }
    }

    // ---- operations --------------------------------------------------------------------------------------------------

    /** This + other, of the same shape. */
    public Tensor plus(Tensor other) {
        return Elementwise.add(this, other);
    }

    /** This · other, element by element, of the same shape. */
    public Tensor times(Tensor other) {
        return Elementwise.multiply(this, other);
    }

    /** This / other, element by element, of the same shape. */
    public Tensor dividedBy(Tensor other) {
        return Elementwise.divide(this, other);
    }

    /** This · factor. */
    public Tensor times(float factor) {
        return Elementwise.scale(this, factor);
    }

    /** Each row of the last axis multiplied by {@code row}, element by element. */
    public Tensor timesRow(Tensor row) {
        return Elementwise.multiplyRow(this, row);
    }

    /** {@code row} added to each row of the last axis. */
    public Tensor plusRow(Tensor row) {
        return Elementwise.addRow(this, row);
    }

    /** f of every element. */
    public Tensor map(Unary f) {
        return Elementwise.unary(f, this);
    }

    /** f of every element plus {@code bias}, which is added to each row of the last axis. */
    public Tensor map(Unary f, Tensor bias) {
        return Elementwise.biasUnary(f, this, bias);
    }

    /** Zeroes a share {@code p} of the elements at random and scales the rest by 1/(1 − p). */
    public Tensor dropout(float p, RandomKey key) {
        return Elementwise.dropout(this, p, key);
    }

    /** This [rows, inner] times other [inner, columns]; with a third axis in front, one product for each of its entries. */
    public Tensor matmul(Tensor other) {
        return MatMul.matmul(this, other, false);
    }

    /** This [rows, inner] times the transpose of other [columns, inner]. */
    public Tensor matmulTransposed(Tensor other) {
        return MatMul.matmul(this, other, true);
    }

    /** The sum over {@code axis}, which disappears. */
    public Tensor sum(int axis) {
        return Reduction.sum(this, axis);
    }

    /** The sum of all elements, a single number. */
    public Tensor sum() {
        return Reduction.sum(this.reshape(Shape.of((int) size())), 0);
    }

    /** The mean over {@code axis}, which disappears. */
    public Tensor mean(int axis) {
        return sum(axis).times(1f / shape.dim(axis));
    }

    /** The mean of all elements, a single number. */
    public Tensor mean() {
        return sum().times(1f / size());
    }

    /** A new axis of extent {@code count} in front of {@code axis}, along which everything repeats. */
    public Tensor repeat(int axis, int count) {
        return Reduction.repeat(this, axis, count);
    }

    /** Softmax over the last axis. */
    public Tensor softmax() {
        return Normalisation.softmax(this);
    }

    /** The same numbers in another shape of the same size; nothing is copied. */
    public Tensor reshape(Shape newShape) {
        return Layout.reshape(this, newShape);
    }

    /** Two axes exchanged. */
    public Tensor transpose(int axis1, int axis2) {
        return Layout.transpose(this, axis1, axis2);
    }

    /** {@code count} entries of {@code axis} from entry {@code from}. */
    public Tensor slice(int axis, int from, int count) {
        return Layout.slice(this, axis, from, count);
    }

    /** Tensors one after the other along {@code axis}; all other extents agree. */
    public static Tensor concat(int axis, List<Tensor> parts) {
        return Layout.concat(axis, parts);
    }

    @Override
    public String toString() {
        return "Tensor" + shape + " " + dtype() + " on " + device().name()
                + (requiresGrad ? ", requires gradient" : "");
    }
}
