package lorikeet.kernels.sim;

import java.lang.foreign.MemorySegment;
import java.util.stream.IntStream;
import lorikeet.kernels.DType;
import lorikeet.kernels.cuda.Gpu.Operand;

/**
 * A matrix product in cuBLAS's terms, with the checks that cuBLAS makes of its arguments: c = alpha · op(a) op(b) + beta · c,
 * column-major, op(a) of m × k, op(b) of k × n.
 */
record Gemm(Operand a, Operand b, Operand c, int m, int n, int k, float alpha, float beta, int batch) {

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

    void run(GlobalMemory memory) {
        if (m == 0 || n == 0) {
            return;
        }
        for (int i = 0; i < batch; i++) {
            float[] left = matrix(memory, a, a.transposed() ? k : m, a.transposed() ? m : k, i, a.transposed());
            float[] right = matrix(memory, b, b.transposed() ? n : k, b.transposed() ? k : n, i, b.transposed());
            multiply(left, right, segment(memory, c, m, n, i));
        }
    }

    /** Where a matrix of a batch lies: from its first element to its last. */
    private MemorySegment segment(GlobalMemory memory, Operand operand, int rows, int columns, int index) {
        int bytes = operand.dtype().bytes();
        long elements = rows == 0 || columns == 0 ? 0 : (long) operand.leading() * (columns - 1) + rows;
        return memory.segment(operand.address() + index * operand.batchStride() * bytes, elements * bytes,
                "gemm: access");
    }

    /** A stored matrix as floats, column by column without gaps, or row by row if it is to be transposed. */
    private float[] matrix(GlobalMemory memory, Operand operand, int rows, int columns, int index, boolean transpose) {
        var stored = segment(memory, operand, rows, columns, index);
        var floats = new float[Math.multiplyExact(rows, columns)];
        IntStream.range(0, columns).parallel().forEach(column -> {
            for (int row = 0; row < rows; row++) {
                long at = (long) column * operand.leading() + row;
                int bits = operand.dtype() == DType.BF16
                        ? stored.get(GlobalMemory.HALF, 2 * at) << 16
                        : stored.get(GlobalMemory.WORD, 4 * at);
                float value = Float.intBitsToFloat(bits);
                floats[transpose ? row * columns + column : column * rows + row] = value;
            }
        });
        return floats;
    }

    /** Both factors column by column; columns of the result in parallel, each summed in ascending order. */
    private void multiply(float[] left, float[] right, MemorySegment result) {
        IntStream.range(0, n).parallel().forEach(column -> {
            float[] sums = new float[m];
            for (int i = 0; i < k; i++) {
                float factor = right[column * k + i];
                for (int row = 0; row < m; row++) {
                    sums[row] += left[i * m + row] * factor;
                }
            }
            for (int row = 0; row < m; row++) {
                long at = 4 * ((long) column * c.leading() + row);
                float old = beta == 0 ? 0 : beta * Float.intBitsToFloat(result.get(GlobalMemory.WORD, at));
                result.set(GlobalMemory.WORD, at, Float.floatToRawIntBits(alpha * sums[row] + old));
            }
        });
    }
}
