package lorikeet.engine;

import lorikeet.kernels.RandomKey;
import lorikeet.kernels.Unary;

/** Operations that treat every element alike. */
final class Elementwise {
    private Elementwise() {}

    static Tensor add(Tensor a, Tensor b) {
        requireSameShape("+", a, b);
        var y = a.result();
        a.device().add(y.data(), a.data(), b.data());
        return y.derive(Gradient.same(a), Gradient.same(b));
    }

    static Tensor multiply(Tensor a, Tensor b) {
        requireSameShape("·", a, b);
        var device = a.device();
        var y = a.result();
        device.multiply(y.data(), a.data(), b.data(), false);
        return y.derive(
                Gradient.of(a, (da, dy, add) -> device.multiply(da, dy, b.data(), add), b),
                Gradient.of(b, (db, dy, add) -> device.multiply(db, dy, a.data(), add), a));
    }

    static Tensor divide(Tensor a, Tensor b) {
        requireSameShape("/", a, b);
        var device = a.device();
        var y = a.result();
        device.divide(y.data(), a.data(), b.data(), false);
        return y.derive(
                Gradient.of(a, (da, dy, add) -> device.divide(da, dy, b.data(), add), b),
                // ∂(a/b)/∂b = −y/b
                Gradient.of(b, (db, dy, add) -> {
                    try (var _ = device.memory().scope()) {
                        var quotient = b.result();
                        device.divide(quotient.data(), y.data(), b.data(), false);
                        device.multiply(quotient.data(), quotient.data(), dy, false);
                        device.scale(db, quotient.data(), -1, add);
                    }
                }, y, b));
    }

    static Tensor scale(Tensor x, float factor) {
        var device = x.device();
        var y = x.result();
        device.scale(y.data(), x.data(), factor, false);
        return y.derive(Gradient.of(x, (dx, dy, add) -> device.scale(dx, dy, factor, add)));
    }

    static Tensor addRow(Tensor x, Tensor row) {
        requireRow("+", x, row);
        var device = x.device();
        int rows = x.shape().rows();
        int columns = x.shape().columns();
        var y = x.result();
        device.addBias(y.data(), x.data(), row.data(), rows, columns);
        return y.derive(
                Gradient.same(x),
                Gradient.of(row, (drow, dy, add) -> device.sum(drow, dy, 1, rows, columns, add)));
    }

    static Tensor multiplyRow(Tensor x, Tensor row) {
        requireRow("·", x, row);
        var device = x.device();
        int rows = x.shape().rows();
        int columns = x.shape().columns();
        var y = x.result();
        device.multiplyRow(y.data(), x.data(), row.data(), rows, columns, false);
        return y.derive(
                Gradient.of(x, (dx, dy, add) -> device.multiplyRow(dx, dy, row.data(), rows, columns, add), row),
                Gradient.of(row, (drow, dy, add) -> {
                    try (var _ = device.memory().scope()) {
                        var product = x.result();
                        device.multiply(product.data(), dy, x.data(), false);
                        device.sum(drow, product.data(), 1, rows, columns, add);
                    }
                }, x));
    }

    static Tensor unary(Unary f, Tensor x) {
        var device = x.device();
        var y = x.result();
        device.unary(f, y.data(), x.data());
        return y.derive(Gradient.of(x, (dx, dy, add) -> device.unaryBackward(f, dx, dy, x.data(), add), x))
                .cheap(() -> device.unary(f, y.data(), x.data()), x);
    }

    static Tensor biasUnary(Unary f, Tensor x, Tensor bias) {
        requireRow("+", x, bias);
        var device = x.device();
        int rows = x.shape().rows();
        int columns = x.shape().columns();
        var y = x.result();
        device.biasUnary(f, y.data(), x.data(), bias.data(), rows, columns);
        var inputs = new Tensor[] {x, bias};
        var toBoth = new Gradient(inputs, inputs, dy -> {
            // This rule is the only one to read dy: unless another tensor shares it, the gradient of the sum takes its place.
            var dsum = dy.shared() ? x.result().data() : dy;
            device.biasUnaryBackward(f, dsum, dy, x.data(), bias.data(), rows, columns, false);
            x.accumulate(dsum);
            bias.accumulate((db, add) -> device.sum(db, dsum, 1, rows, columns, add));
        });
        return y.derive(toBoth)
                .cheap(() -> device.biasUnary(f, y.data(), x.data(), bias.data(), rows, columns), inputs);
    }

    static Tensor dropout(Tensor x, float p, RandomKey key) {
        if (!(p >= 0 && p < 1)) {
            throw new IllegalArgumentException("dropout must be at least 0 and below 1, not " + p);
        }
        if (p == 0) {
            return x;
        }
        var device = x.device();
        var y = x.result();
        device.dropout(y.data(), x.data(), p, key, false);
        return y.derive(Gradient.of(x, (dx, dy, add) -> device.dropout(dx, dy, p, key, add)));
    }

    private static void requireSameShape(String operation, Tensor a, Tensor b) {
        if (!a.shape().equals(b.shape())) {
            throw new IllegalArgumentException(
                    a.shape() + " " + operation + " " + b.shape() + ": shapes must be equal");
        }
    }

    private static void requireRow(String operation, Tensor x, Tensor row) {
        if (row.shape().rank() != 1 || x.shape().columns() != row.shape().dim(0)) {
            throw new IllegalArgumentException(
                    x.shape() + " " + operation + " row " + row.shape()
                            + ": the row must have the extent of the last axis");
        }
    }
}
