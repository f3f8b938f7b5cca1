package lorikeet.engine;

import java.util.ArrayList;
import java.util.stream.IntStream;
import lorikeet.kernels.Buffer;
import lorikeet.kernels.DType;
import lorikeet.kernels.Device;
import lorikeet.kernels.Matrix;
import lorikeet.kernels.Purpose;

/** The loss of a language model: how surprised it is by each next token, −log p(label). */
public final class CrossEntropy {
    private CrossEntropy() {}

    /**
     * Σ over rows of −log softmax(logits[row])[labels[row]], times {@code factor}; rows whose label is
     * {@link Device#IGNORED_LABEL} count nothing. With factor = 1 / number of labels it is the mean loss.
     *
     * @param logits [rows, classes]
     * @return a single number
     */
    public static Tensor crossEntropy(Tensor logits, int[] labels, float factor) {
        var device = logits.device();
        int rows = logits.shape().rows();
        int classes = logits.shape().columns();
        requireLabels(labels, rows, classes);
        var targets = Tensor.ofInts(device, labels);
        var losses = logits.result(Shape.of(rows));
        device.crossEntropy(losses.data(), null, logits.data(), targets.data(), rows, classes, 1);
        var loss = logits.result(Shape.scalar());
        device.sum(loss.data(), losses.data(), 1, rows, 1, false);
        device.scale(loss.data(), loss.data(), factor, false);
        return loss.derive(Gradient.of(logits, (dlogits, dy, add) -> {
            try (var _ = device.memory().scope()) {
                var scratch = logits.result(Shape.of(rows));
                var difference = add ? logits.result().data() : dlogits;
                device.crossEntropy(scratch.data(), difference, logits.data(), targets.data(), rows, classes, factor);
                device.multiplyRow(dlogits, difference, dy, rows * classes, 1, add);
            }
        }, logits, targets));
    }

    /**
     * The same loss from the last hidden states and the output embedding: logits = hidden · weightᵀ. Only rows with a label
     * are computed, {@link Device#logitRows} at a time, so that the logits of the whole batch never exist.
     *
     * @param hidden [rows, width]
     * @param weight [classes, width], F32 or, when frozen, BF16
     * @return a single number
     */
    public static Tensor ofHidden(Tensor hidden, Tensor weight, int[] labels, float factor) {
        var device = hidden.device();
        int width = hidden.shape().columns();
        requireLabels(labels, hidden.shape().rows(), weight.shape().dim(0));
        int[] labelled = IntStream.range(0, labels.length).filter(row -> labels[row] != Device.IGNORED_LABEL).toArray();
        var rows = Tensor.ofInts(device, labelled);
        var targets = Tensor.ofInts(device, IntStream.of(labelled).map(row -> labels[row]).toArray());
        var chosen = hidden.result(Shape.of(labelled.length, width));
        device.gather(chosen.matrix(), hidden.matrix(), rows.data());
        var losses = hidden.result(Shape.of(labelled.length));

        // The gradients are computed now, for a loss whose own gradient is 1, while the logits are there.
        boolean forHidden = Autograd.recording() && hidden.requiresGrad();
        boolean forWeight = Autograd.recording() && weight.requiresGrad();
        // Only a trained weight needs the hidden states once their logits are there: else their gradient takes their place.
        var dchosen = !forHidden ? null : forWeight ? chosen.result() : chosen;
        var dweight = forWeight ? Tensor.over(weight.takeGradientMemory(), weight.shape()) : null;
        try {
            if (forWeight && labelled.length == 0) {
                device.fill(dweight.data(), 0);
            }
            forChunks(chosen, weight, targets, losses, forHidden || forWeight, factor, (chunk, dlogits) -> {
                if (forHidden) {
                    device.gemm(rows(dchosen.data(), chunk, width), dlogits, weight.matrix(), 1, false, null);
                }
                if (forWeight) {
                    device.gemm(dweight.matrix(), dlogits.transpose(), rows(chosen.data(), chunk, width), 1,
                            chunk.from > 0, null);
                }
            });
            var loss = hidden.result(Shape.scalar());
            device.sum(loss.data(), losses.data(), 1, labelled.length, 1, false);
            device.scale(loss.data(), loss.data(), factor, false);
            var gradients = new ArrayList<Gradient>();
            if (forHidden) {
                gradients.add(Gradient.of(hidden, (dx, dy, add) -> {
                    times(dchosen, dy);
                    spread(hidden, dx, dchosen, rows, add);
                }, dchosen, rows));
            }
            if (forWeight) {
                gradients.add(new Gradient(new Tensor[] {weight}, new Tensor[] {dweight}, dy -> {
                    times(dweight, dy);
                    weight.accumulateTaken(dweight.data());
                }));
            }
            return loss.derive(gradients.toArray(Gradient[]::new));
        } finally {
            if (forWeight) {
                dweight.data().release(); // the loss, if there is one, holds it until backward
            }
        }
    }

    /** x *= the single number dy. */
    private static void times(Tensor x, Buffer dy) {
        x.device().multiplyRow(x.data(), x.data(), dy, Math.toIntExact(x.size()), 1, false);
    }

    /**
     * −log softmax(hidden · weightᵀ)[label] for each row, 0 where the label is ignored; for evaluation, without gradient.
     *
     * @return [rows]
     */
    public static Tensor perRow(Tensor hidden, Tensor weight, int[] labels) {
        requireLabels(labels, hidden.shape().rows(), weight.shape().dim(0));
        var losses = hidden.result(Shape.of(labels.length));
        var targets = Tensor.ofInts(hidden.device(), labels);
        forChunks(hidden, weight, targets, losses, false, 1, (_, _) -> {});
        return losses;
    }

    private record Chunk(int from, int count) {}

    private interface ChunkWork {
        /** {@code logits} holds their gradient if that was asked for. */
        void run(Chunk chunk, Matrix logits);
    }

    /** Computes logits and losses chunk by chunk, and the gradient of the loss in place of the logits if wanted. */
    private static void forChunks(Tensor hidden, Tensor weight, Tensor targets, Tensor losses, boolean withGradient,
            float factor, ChunkWork work) {
        var device = hidden.device();
        int width = hidden.shape().columns();
        int classes = weight.shape().dim(0);
        int total = hidden.shape().dim(0), most = device.logitRows(weight.requiresGrad());
        for (int from = 0; from < total; from += most) {
            var chunk = new Chunk(from, Math.min(most, total - from));
            try (var _ = device.memory().scope()) {
                var logits = device.memory().allocate(DType.F32, (long) chunk.count * classes, Purpose.WORKSPACE);
                var view = Matrix.of(logits, chunk.count, classes);
                device.gemm(view, rows(hidden.data(), chunk, width), weight.matrix().transpose(), 1, false, null);
                device.crossEntropy(losses.data().slice(from, chunk.count), withGradient ? logits : null, logits,
                        targets.data().slice(from, chunk.count), chunk.count, classes, factor);
                // What is trained reads the gradient, too, in products of any number of rows: in 32 bits.
                work.run(chunk,
                        withGradient && !weight.requiresGrad() ? device.forProducts(view, weight.matrix()) : view);
            }
        }
    }

    private static Matrix rows(Buffer data, Chunk chunk, int width) {
        return Matrix.of(data.slice((long) chunk.from * width, (long) chunk.count * width), chunk.count, width);
    }

    /** Puts the gradient of the labelled rows back among all rows; the others have none. */
    private static void spread(Tensor hidden, Buffer dx, Tensor gradient, Tensor rows, boolean add) {
        var device = hidden.device();
        try (var _ = device.memory().scope()) {
            var all = add ? hidden.result().data() : dx;
            device.fill(all, 0);
            device.scatter(Matrix.of(all, hidden.shape().rows(), hidden.shape().columns()), rows.data(),
                    gradient.matrix());
            if (add) {
                device.add(dx, dx, all);
            }
        }
    }

    private static void requireLabels(int[] labels, int rows, int classes) {
        if (labels.length != rows) {
            throw new IllegalArgumentException(labels.length + " labels for " + rows + " rows");
        }
        for (int label : labels) {
            if (label != Device.IGNORED_LABEL && (label < 0 || label >= classes)) {
                throw new IllegalArgumentException("label " + label + " is outside the " + classes + " classes");
            }
        }
    }
}
