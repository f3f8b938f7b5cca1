package lorikeet.kernels.cpu;

import static lorikeet.kernels.cpu.Vectors.LANES;
import static lorikeet.kernels.cpu.Vectors.get;
import static lorikeet.kernels.cpu.Vectors.set;

import lorikeet.kernels.DType;
import lorikeet.kernels.Memory;
import lorikeet.kernels.Purpose;

/**
 * Matrix products where there is no oneDNN. A task makes one panel of columns of c: it packs the rows of b that belong to
 * it, some hundred at a time, so that {@link MicroKernel} reads them from the cache in order.
 */
final class JavaProducts implements MatrixProducts {
    private static final int WIDTH = 2 * LANES;
    private static final int DEPTH = 512;

    private final Parallel parallel;
    private final Memory memory;
    private final String reason;

    JavaProducts(Parallel parallel, Memory memory, String reason) {
        this.parallel = parallel;
        this.memory = memory;
        this.reason = reason;
    }

    @Override
    public boolean takesBf16() {
        return false;
    }

    @Override
    public String description() {
        return "Java Vector API instead of oneDNN (" + reason + ")";
    }

    @Override
    public void multiply(Operand c, Operand a, Operand b, int m, int n, int k, int batch, float alpha, boolean add,
            long bias,
            boolean fast) {
        int panels = Math.ceilDiv(n, WIDTH);
        int tasks = Math.multiplyExact(batch, panels);
        try (var _ = memory.scope()) {
            long packed =
                    memory.allocate(DType.F32, (long) WIDTH * DEPTH * parallel.threads(), Purpose.WORKSPACE).address();
            parallel.tasks(tasks, (task, worker) -> {
                int t = task / panels, column = task % panels * WIDTH, width = Math.min(WIDTH, n - column);
                long mine = packed + 4L * WIDTH * DEPTH * worker;
                for (int p = 0; p < k; p += DEPTH) {
                    int depth = Math.min(DEPTH, k - p);
                    pack(mine, b.at(t, p, column), b.row(), b.column(), depth, width);
                    MicroKernel.multiply(c.at(t, 0, column), c.row(), a.at(t, 0, p), a.row(), a.column(), mine, WIDTH,
                            m,
                            width, depth, alpha, add || p > 0);
                }
                if (bias != 0) {
                    for (int i = 0; i < m; i++) {
                        long row = c.at(t, i, column);
                        Elementwise.combineRun(Elementwise.Binary.ADD, row, row, bias + 4L * column, width, false);
                    }
                }
            });
        }
    }

    /** Rows of b side by side with stride WIDTH. */
    private static void pack(long packed, long b, long bRow, long bColumn, int depth, int width) {
        if (bColumn == 1) {
            for (int p = 0; p < depth; p++) {
                Vectors.copyBytes(packed + 4L * p * WIDTH, b + 4 * p * bRow, 4L * width);
            }
            return;
        }
        for (int j = 0; j < width; j++) {
            for (int p = 0; p < depth; p++) {
                set(packed, (long) p * WIDTH + j, get(b, p * bRow + j * bColumn));
            }
        }
    }

    @Override
    public void close() {}
}
