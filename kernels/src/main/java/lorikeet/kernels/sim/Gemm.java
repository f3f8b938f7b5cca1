package lorikeet.kernels.sim;

import java.lang.foreign.Arena;
import lorikeet.kernels.DType;
import lorikeet.kernels.cpu.MatrixProducts;
import lorikeet.kernels.cuda.Gpu.Operand;

/**
 * A matrix product in cuBLAS's terms, with the checks that cuBLAS makes of its arguments: c (+)= alpha · op(a) op(b),
 * column-major, op(a) of m × k, op(b) of k × n. The CPU's products compute it.
 */
record Gemm(Operand a, Operand b, Operand c, int m, int n, int k, float alpha, boolean add, int batch) {

    Gemm {
        if (m < 0 || n < 0 || k < 0 || batch < 1) {
            throw refused("sizes m " + m + ", n " + n + ", k " + k + ", batch " + batch);
        }
        checkLeading("a", a, a.transposed() ? k : m);
        checkLeading("b", b, b.transposed() ? n : k);
        checkLeading("c", c, m);
        if (a.dtype() != b.dtype() || a.dtype() == DType.I32) {
            throw refused("operands of " + a.dtype() + " and " + b.dtype() + "; both must be F32 or both BF16");
        }
        if (c.dtype() != DType.F32 || c.transposed()) {
            throw refused("the result must be F32 and not transposed");
        }
        if (batch > 1 && Math.abs(c.batchStride()) < (long) c.leading() * (n - 1) + m) {
            throw refused("results of a batch overlap: stride " + c.batchStride());
        }
    }

    private static void checkLeading(String name, Operand operand, int rows) {
        if (operand.leading() < Math.max(1, rows)) {
            throw refused("leading dimension of " + name + " is " + operand.leading() + ", must be at least "
                    + Math.max(1, rows));
        }
        if (operand.address() % operand.dtype().bytes() != 0) {
            throw refused(name + " is not aligned to its type");
        }
    }

    private static IllegalArgumentException refused(String why) {
        return new IllegalArgumentException("gemm: " + why);
    }

    /** The CPU's products want columns of the result side by side, so they compute cᵀ = op(b)ᵀ op(a)ᵀ. */
    void run(GlobalMemory memory, MatrixProducts products) {
        if (m == 0 || n == 0) {
            return;
        }
        try (var arena = Arena.ofConfined()) {
            var target = operand(memory, c, m, n, arena);
            if (k == 0) {
                clear(target.address());
                return;
            }
            checkApart("a", a, a.transposed() ? k : m, a.transposed() ? m : k);
            checkApart("b", b, b.transposed() ? n : k, b.transposed() ? k : n);
            products.multiply(target, operand(memory, b, b.transposed() ? n : k, b.transposed() ? k : n, arena),
                    operand(memory, a, a.transposed() ? k : m, a.transposed() ? m : k, arena), n, m, k, batch, alpha,
                    add, 0);
        }
    }

    /** Results are written while operands are still read: they share no number, but may lie side by side in one matrix. */
    private void checkApart(String name, Operand x, int rows, int columns) {
        for (long t = 0; t < batch; t++) {
            long ahead = x.address() + t * x.batchStride() * x.dtype().bytes()
                    - c.address() - t * c.batchStride() * Float.BYTES;
            boolean behind = ahead >= Float.BYTES * ((long) c.leading() * (n - 1) + m);
            boolean before = -ahead >= x.dtype().bytes() * ((long) x.leading() * (columns - 1) + rows);
            long row = Math.floorMod(ahead / Float.BYTES, (long) c.leading());
            boolean beside = x.leading() == c.leading() && x.dtype() == DType.F32 && row >= m
                    && row + rows <= c.leading();
            if (!behind && !before && !beside) {
                throw refused(name + " overlaps the result");
            }
        }
    }

    /** An empty sum is zero. */
    private void clear(long target) {
        for (int t = 0; t < batch && !add; t++) {
            for (int column = 0; column < n; column++) {
                long start = t * c.batchStride() + (long) column * c.leading();
                GlobalMemory.HOST.asSlice(target + Float.BYTES * start, (long) Float.BYTES * m).fill((byte) 0);
            }
        }
    }

    /** The transpose of an operand in this process's memory, checked from first to last element; BF16 as a copy in F32. */
    private MatrixProducts.Operand operand(GlobalMemory memory, Operand x, int rows, int columns, Arena arena) {
        int bytes = x.dtype().bytes();
        long elements = rows == 0 || columns == 0 ? 0 : (long) x.leading() * (columns - 1) + rows;
        for (int t = 1; t < batch; t++) {
            memory.segment(x.address() + t * x.batchStride() * bytes, elements * bytes, "gemm: access");
        }
        long address = memory.segment(x.address(), elements * bytes, "gemm: access").address();
        if (x.dtype() == DType.BF16) {
            address = widened(address, (batch - 1) * x.batchStride() + elements, arena);
        }
        return new MatrixProducts.Operand(address, DType.F32, x.transposed() ? 1 : x.leading(),
                x.transposed() ? x.leading() : 1, batch == 1 ? 0 : x.batchStride());
    }

    private static long widened(long address, long count, Arena arena) {
        var floats = arena.allocate(Float.BYTES * count, Float.BYTES);
        for (long i = 0; i < count; i++) {
            floats.set(GlobalMemory.WORD, Float.BYTES * i,
                    GlobalMemory.HOST.get(GlobalMemory.HALF, address + 2 * i) << 16);
        }
        return floats.address();
    }
}
