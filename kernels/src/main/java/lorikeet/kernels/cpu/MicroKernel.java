package lorikeet.kernels.cpu;

import static lorikeet.kernels.cpu.Vectors.ALL;
import static lorikeet.kernels.cpu.Vectors.F;
import static lorikeet.kernels.cpu.Vectors.LANES;
import static lorikeet.kernels.cpu.Vectors.ORDER;
import static lorikeet.kernels.cpu.Vectors.broadcast;
import static lorikeet.kernels.cpu.Vectors.load;
import static lorikeet.kernels.cpu.Vectors.store;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/**
 * c (+)= alpha · a b for operands that lie in the cache. A tile of c, six rows by two vectors, stays in registers while k
 * runs: twelve sums keep both multiply-add units of a core busy, and with two vectors of b and one number of a they fit
 * the sixteen registers of AVX2.
 */
final class MicroKernel {
    static final int ROWS = 6;

    private MicroKernel() {}

    /**
     * Strides are in elements.
     *
     * @param a element (i, p) at a + i · aRow + p · aColumn
     * @param b element (p, j) at b + p · bRow + j
     * @param c element (i, j) at c + i · cRow + j
     */
    static void multiply(long c, long cRow, long a, long aRow, long aColumn, long b, long bRow, int m, int n, int k,
            float alpha,
            boolean add) {
        int j = 0;
        for (; j + 2 * LANES <= n; j += 2 * LANES) {
            for (int i = 0; i < m; i += ROWS) {
                wide(c + 4 * (i * cRow + j), cRow, a + 4 * i * aRow, aRow, aColumn, b + 4L * j, bRow,
                        Math.min(ROWS, m - i), k, alpha, add);
            }
        }
        for (; j < n; j += LANES) {
            var mask = F.indexInRange(j, n);
            for (int i = 0; i < m; i += ROWS) {
                narrow(c + 4 * (i * cRow + j), cRow, a + 4 * i * aRow, aRow, aColumn, b + 4L * j, bRow,
                        Math.min(ROWS, m - i), k, alpha, add, mask);
            }
        }
    }

    /** Two vectors wide. Rows from {@code rows} on repeat the last one, and are not stored. */
    private static void wide(long c, long cRow, long a, long aRow, long aColumn, long b, long bRow, int rows, int k,
            float alpha,
            boolean add) {
        long a1 = a + 4 * Math.min(1, rows - 1) * aRow;
        long a2 = a + 4 * Math.min(2, rows - 1) * aRow;
        long a3 = a + 4 * Math.min(3, rows - 1) * aRow;
        long a4 = a + 4 * Math.min(4, rows - 1) * aRow;
        long a5 = a + 4 * Math.min(5, rows - 1) * aRow;
        var c00 = FloatVector.zero(F);
        FloatVector c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00;
        FloatVector c30 = c00, c31 = c00, c40 = c00, c41 = c00, c50 = c00, c51 = c00;
        long at = 0, from = b;
        for (int p = 0; p < k; p++) {
            var b0 = load(from, 0);
            var b1 = load(from, LANES);
            var x = broadcast(a + at, 0);
            c00 = x.fma(b0, c00);
            c01 = x.fma(b1, c01);
            x = broadcast(a1 + at, 0);
            c10 = x.fma(b0, c10);
            c11 = x.fma(b1, c11);
            x = broadcast(a2 + at, 0);
            c20 = x.fma(b0, c20);
            c21 = x.fma(b1, c21);
            x = broadcast(a3 + at, 0);
            c30 = x.fma(b0, c30);
            c31 = x.fma(b1, c31);
            x = broadcast(a4 + at, 0);
            c40 = x.fma(b0, c40);
            c41 = x.fma(b1, c41);
            x = broadcast(a5 + at, 0);
            c50 = x.fma(b0, c50);
            c51 = x.fma(b1, c51);
            at += 4 * aColumn;
            from += 4 * bRow;
        }
        var f = FloatVector.broadcast(F, alpha);
        long next = 4 * cRow;
        // No helper here: past a certain size of the method the compiler inlines the JDK's methods only.
        (add ? c00.fma(f, FloatVector.fromMemorySegment(F, ALL, c, ORDER)) : c00.mul(f)).intoMemorySegment(ALL, c,
                ORDER);
        (add ? c01.fma(f, FloatVector.fromMemorySegment(F, ALL, c + 4 * LANES, ORDER)) : c01.mul(f))
                .intoMemorySegment(ALL, c + 4 * LANES, ORDER);
        if (rows > 1) {
            c += next;
            (add ? c10.fma(f, FloatVector.fromMemorySegment(F, ALL, c, ORDER)) : c10.mul(f)).intoMemorySegment(ALL, c,
                    ORDER);
            (add ? c11.fma(f, FloatVector.fromMemorySegment(F, ALL, c + 4 * LANES, ORDER)) : c11.mul(f))
                    .intoMemorySegment(ALL, c + 4 * LANES, ORDER);
        }
        if (rows > 2) {
            c += next;
            (add ? c20.fma(f, FloatVector.fromMemorySegment(F, ALL, c, ORDER)) : c20.mul(f)).intoMemorySegment(ALL, c,
                    ORDER);
            (add ? c21.fma(f, FloatVector.fromMemorySegment(F, ALL, c + 4 * LANES, ORDER)) : c21.mul(f))
                    .intoMemorySegment(ALL, c + 4 * LANES, ORDER);
        }
        if (rows > 3) {
            c += next;
            (add ? c30.fma(f, FloatVector.fromMemorySegment(F, ALL, c, ORDER)) : c30.mul(f)).intoMemorySegment(ALL, c,
                    ORDER);
            (add ? c31.fma(f, FloatVector.fromMemorySegment(F, ALL, c + 4 * LANES, ORDER)) : c31.mul(f))
                    .intoMemorySegment(ALL, c + 4 * LANES, ORDER);
        }
        if (rows > 4) {
            c += next;
            (add ? c40.fma(f, FloatVector.fromMemorySegment(F, ALL, c, ORDER)) : c40.mul(f)).intoMemorySegment(ALL, c,
                    ORDER);
            (add ? c41.fma(f, FloatVector.fromMemorySegment(F, ALL, c + 4 * LANES, ORDER)) : c41.mul(f))
                    .intoMemorySegment(ALL, c + 4 * LANES, ORDER);
        }
        if (rows > 5) {
            c += next;
            (add ? c50.fma(f, FloatVector.fromMemorySegment(F, ALL, c, ORDER)) : c50.mul(f)).intoMemorySegment(ALL, c,
                    ORDER);
            (add ? c51.fma(f, FloatVector.fromMemorySegment(F, ALL, c + 4 * LANES, ORDER)) : c51.mul(f))
                    .intoMemorySegment(ALL, c + 4 * LANES, ORDER);
        }
    }

    /** One vector or less wide. */
    private static void narrow(long c, long cRow, long a, long aRow, long aColumn, long b, long bRow, int rows, int k,
            float alpha, boolean add, VectorMask<Float> mask) {
        long a1 = a + 4 * Math.min(1, rows - 1) * aRow;
        long a2 = a + 4 * Math.min(2, rows - 1) * aRow;
        long a3 = a + 4 * Math.min(3, rows - 1) * aRow;
        long a4 = a + 4 * Math.min(4, rows - 1) * aRow;
        long a5 = a + 4 * Math.min(5, rows - 1) * aRow;
        var c0 = FloatVector.zero(F);
        FloatVector c1 = c0, c2 = c0, c3 = c0, c4 = c0, c5 = c0;
        long at = 0, from = b;
        for (int p = 0; p < k; p++) {
            var b0 = load(from, 0, mask);
            c0 = broadcast(a + at, 0).fma(b0, c0);
            c1 = broadcast(a1 + at, 0).fma(b0, c1);
            c2 = broadcast(a2 + at, 0).fma(b0, c2);
            c3 = broadcast(a3 + at, 0).fma(b0, c3);
            c4 = broadcast(a4 + at, 0).fma(b0, c4);
            c5 = broadcast(a5 + at, 0).fma(b0, c5);
            at += 4 * aColumn;
            from += 4 * bRow;
        }
        put(c, c0, alpha, add, mask);
        if (rows > 1) {
            put(c + 4 * cRow, c1, alpha, add, mask);
        }
        if (rows > 2) {
            put(c + 8 * cRow, c2, alpha, add, mask);
        }
        if (rows > 3) {
            put(c + 12 * cRow, c3, alpha, add, mask);
        }
        if (rows > 4) {
            put(c + 16 * cRow, c4, alpha, add, mask);
        }
        if (rows > 5) {
            put(c + 20 * cRow, c5, alpha, add, mask);
        }
    }

    private static void put(long c, FloatVector v, float alpha, boolean add, VectorMask<Float> mask) {
        var factor = FloatVector.broadcast(F, alpha);
        store(c, 0, add ? v.fma(factor, load(c, 0, mask)) : v.mul(factor), mask);
    }
}
