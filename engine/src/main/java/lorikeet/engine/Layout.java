package lorikeet.engine;

import java.util.List;
import lorikeet.kernels.Buffer;
import lorikeet.kernels.Matrix;

/** Operations that move numbers without changing them. */
final class Layout {
    private Layout() {}

    static Tensor reshape(Tensor x, Shape shape) {
        if (shape.size() != x.size()) {
            throw new IllegalArgumentException("cannot see shape " + x.shape() + " as " + shape);
        }
        return Tensor.over(x.data(), shape).derive(Gradient.same(x));
    }

    static Tensor transpose(Tensor x, int axis1, int axis2) {
        var device = x.device();
        int p = Math.min(x.shape().axis(axis1), x.shape().axis(axis2));
        int q = Math.max(x.shape().axis(axis1), x.shape().axis(axis2));
        if (p == q) {
            return x;
        }
        int a = x.shape().dim(p);
        int b = x.shape().dim(q);
        int outer = x.shape().product(0, p);
        int middle = x.shape().product(p + 1, q);
        int inner = x.shape().product(q + 1, x.shape().rank());
        var y = x.result(x.shape().with(p, b).with(q, a));
        device.transpose(y.data(), x.data(), outer, a, middle, b, inner, false);
        return y.derive(Gradient.of(x, (dx, dy, add) -> device.transpose(dx, dy, outer, b, middle, a, inner, add)));
    }

    static Tensor slice(Tensor x, int axis, int from, int count) {
        var device = x.device();
        int at = x.shape().axis(axis);
        if (from < 0 || count < 0 || from > x.shape().dim(at) - count) {
            throw new IllegalArgumentException(
                    "entries " + from + " to " + (from + count) + " of axis " + at + " of shape " + x.shape());
        }
        var y = x.result(x.shape().with(at, count));
        var part = rows(y.data(), y.shape(), at);
        device.copyMatrix(part, rows(x.data(), x.shape(), at).columns(from * inner(x.shape(), at), part.columns()),
                false);
        return y.derive(Gradient.of(x, (dx, dy, add) -> {
            if (!add) {
                device.fill(dx, 0);
            }
            var target = rows(dx, x.shape(), at).columns(from * inner(x.shape(), at), part.columns());
            device.copyMatrix(target, rows(dy, y.shape(), at), true);
        }));
    }

    static Tensor concat(int axis, List<Tensor> parts) {
        var first = parts.getFirst();
        var device = first.device();
        int at = first.shape().axis(axis);
        int extent = 0;
        for (var part : parts) {
            if (!part.shape().with(at, 0).equals(first.shape().with(at, 0))) {
                throw new IllegalArgumentException(
                        "cannot join " + part.shape() + " to " + first.shape() + " along axis " + at);
            }
            extent += part.shape().dim(at);
        }
        var y = first.result(first.shape().with(at, extent));
        var gradients = new Gradient[parts.size()];
        int from = 0;
        for (int i = 0; i < gradients.length; i++) {
            var part = parts.get(i);
            int start = from;
            int width = part.shape().dim(at) * inner(part.shape(), at);
            device.copyMatrix(rows(y.data(), y.shape(), at).columns(start, width), rows(part.data(), part.shape(), at),
                    false);
            gradients[i] = Gradient.of(part, (dx, dy, add) -> device.copyMatrix(rows(dx, part.shape(), at),
                    rows(dy, y.shape(), at).columns(start, width), add));
            from += width;
        }
        return y.derive(gradients);
    }

    /** The tensor as a matrix whose rows hold everything from {@code axis} on. */
    private static Matrix rows(Buffer data, Shape shape, int axis) {
        return Matrix.of(data, shape.product(0, axis), shape.product(axis, shape.rank()));
    }

    private static int inner(Shape shape, int axis) {
        return shape.product(axis + 1, shape.rank());
    }
}
