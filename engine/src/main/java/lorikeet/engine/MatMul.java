package lorikeet.engine;

import lorikeet.kernels.Buffer;
import lorikeet.kernels.Matrix;

/** Matrix products, and the linear layer. */
public final class MatMul {
    private MatMul() {}

    /** y = a b, or a bᵀ if {@code transposed}; rank 3: one product per entry of the first axis. */
    static Tensor matmul(Tensor a, Tensor b, boolean transposed) {
        if (a.shape().rank() == 3 && b.shape().rank() == 3 && a.shape().dim(0) == b.shape().dim(0)) {
            return product(a, b, transposed, a.shape().dim(0));
        }
        if (b.shape().rank() != 2) {
            throw new IllegalArgumentException(
                    a.shape() + " × " + b.shape()
                            + ": the second factor is a matrix, or both are batches of equal size");
        }
        return product(a, b, transposed, 1);
    }

    private static Tensor product(Tensor a, Tensor b, boolean transposed, int batch) {
        var device = a.device();
        int inner = b.shape().dim(transposed ? -1 : -2);
        int columns = b.shape().dim(transposed ? -2 : -1);
        if (a.shape().columns() != inner) {
            throw new IllegalArgumentException(
                    a.shape() + " × " + b.shape() + (transposed ? "ᵀ" : "") + ": inner extents differ");
        }
        int rows = a.shape().rows() / batch;
        var y = a.result(a.shape().with(-1, columns));
        device.gemm(Matrix.batch(y.data(), batch, rows, columns), Matrix.batch(a.data(), batch, rows, inner),
                right(b, batch, transposed), 1, false, null);
        return y.derive(
                Gradient.of(a,
                        (da, dy, add) -> device.gemm(Matrix.batch(da, batch, rows, inner),
                                Matrix.batch(dy, batch, rows, columns),
                                right(b, batch, !transposed), 1, add, null),
                        b),
                Gradient.of(b,
                        (db, dy, add) -> weightGradient(db, dy, a.data(), batch, rows, inner, columns, transposed, add),
                        a));
    }

    /** db = aᵀ dy, or dyᵀ a where b entered transposed. */
    private static void weightGradient(Buffer db, Buffer dy, Buffer a, int batch, int rows, int inner, int columns,
            boolean transposed, boolean add) {
        var left = Matrix.batch(a, batch, rows, inner);
        var right = Matrix.batch(dy, batch, rows, columns);
        if (transposed) {
            a.device().gemm(Matrix.batch(db, batch, columns, inner), right.transpose(), left, 1, add, null);
        } else {
            a.device().gemm(Matrix.batch(db, batch, inner, columns), left.transpose(), right, 1, add, null);
        }
    }

    private static Matrix right(Tensor b, int batch, boolean transposed) {
        var stored = Matrix.batch(b.data(), batch, b.shape().dim(-2), b.shape().dim(-1));
        return transposed ? stored.transpose() : stored;
    }

    /**
     * A linear layer, y = x W + bias.
     *
     * @param x      [rows, in]
     * @param weight [in, out], or [out, in] if {@code transposed}; F32 or, when frozen, BF16
     * @param bias   [out], or null
     */
    public static Tensor linear(Tensor x, Tensor weight, boolean transposed, Tensor bias) {
        var device = x.device();
        int in = weight.shape().dim(transposed ? 1 : 0);
        int out = weight.shape().dim(transposed ? 0 : 1);
        if (x.shape().columns() != in) {
            throw new IllegalArgumentException("linear layer from " + in + " to " + out + " got " + x.shape());
        }
        int rows = x.shape().rows();
        var y = x.result(x.shape().with(-1, out));
        if (Recomputation.needs(y)) {
            device.gemm(y.matrix(), x.matrix(), right(weight, 1, transposed), 1, false,
                    bias == null ? null : bias.data());
        }
        var toInput = Gradient.of(x, (dx, dy, add) -> device.gemm(Matrix.of(dx, rows, in), Matrix.of(dy, rows, out),
                right(weight, 1, !transposed), 1, add, null), weight);
        var toWeight = Gradient.of(weight,
                (dw, dy, add) -> weightGradient(dw, dy, x.data(), 1, rows, in, out, transposed, add), x);
        return bias == null
                ? y.derive(toInput, toWeight)
                : y.derive(toInput, toWeight,
                        Gradient.of(bias, (db, dy, add) -> device.sum(db, dy, 1, rows, out, add)));
    }

    /**
     * h + alpha · u Bᵀ, written over h: the way in which a branch joins a linear layer's output without a copy of its own.
     * The caller gives h up; it must be the fresh result of an operation that does not save it.
     *
     * @param h    [rows, out]
     * @param from the first column of h to which something is added
     * @param u    [rows, rank]
     * @param b    [columns to which something is added, rank]
     */
    public static Tensor addProduct(Tensor h, int from, Tensor u, Tensor b, float alpha) {
        var device = h.device();
        int rows = u.shape().rows();
        int rank = u.shape().columns();
        int out = h.shape().columns();
        int width = b.shape().dim(0);
        device.gemm(h.matrix().columns(from, width), u.matrix(), right(b, 1, true), alpha, true, null);
        var y = Tensor.over(h.data(), h.shape());
        return y.derive(
                Gradient.same(h),
                Gradient.of(u, (du, dy, add) -> device.gemm(Matrix.of(du, rows, rank),
                        Matrix.of(dy, rows, out).columns(from, width), right(b, 1, false), alpha, add, null), b),
                Gradient.of(b, (db, dy, add) -> device.gemm(Matrix.of(db, width, rank),
                        Matrix.of(dy, rows, out).columns(from, width).transpose(), u.matrix(), alpha, add, null), u));
    }
}
