package lorikeet.engine;

/** Summing an axis away, and its counterpart, repeating along a new one. */
final class Reduction {
    private Reduction() {}

    static Tensor sum(Tensor x, int axis) {
        var device = x.device();
        int at = x.shape().axis(axis);
        int outer = x.shape().product(0, at);
        int reduce = x.shape().dim(at);
        int inner = x.shape().product(at + 1, x.shape().rank());
        var y = x.result(x.shape().without(at));
        device.sum(y.data(), x.data(), outer, reduce, inner, false);
        return y.derive(Gradient.of(x, (dx, dy, add) -> device.broadcast(dx, dy, outer, reduce, inner, add)));
    }

    static Tensor repeat(Tensor x, int axis, int count) {
        var device = x.device();
        int rank = x.shape().rank();
        if (axis < 0 || axis > rank) {
            throw new IllegalArgumentException("no place for a new axis " + axis + " in shape " + x.shape());
        }
        int outer = x.shape().product(0, axis);
        int inner = x.shape().product(axis, rank);
        var dims = new int[rank + 1];
        System.arraycopy(x.shape().toArray(), 0, dims, 0, axis);
        dims[axis] = count;
        System.arraycopy(x.shape().toArray(), axis, dims, axis + 1, rank - axis);
        var y = x.result(Shape.of(dims));
        device.broadcast(y.data(), x.data(), outer, count, inner, false);
        return y.derive(Gradient.of(x, (dx, dy, add) -> device.sum(dx, dy, outer, count, inner, add)));
    }
}
