package lorikeet.kernels.cpu;

import static lorikeet.kernels.cpu.Vectors.LANES;
import static lorikeet.kernels.cpu.Vectors.get;
import static lorikeet.kernels.cpu.Vectors.set;

import lorikeet.kernels.DType;
import lorikeet.kernels.Matrix;
import lorikeet.kernels.Memory;
import lorikeet.kernels.Purpose;

/**
 * Matrix products where there is no oneDNN. A task makes one panel of columns of c, or some rows of it where there are few
 * panels: it packs the rows of b that belong to it, some hundred at a time, so that {@link MicroKernel} reads them from the
 * cache in order.
 */
final class JavaProducts implements MatrixProducts {
    private static final int WIDTH = 2 * LANES;
    private static final int DEPTH = 512;
    /** With fewer tasks some threads would have none. */
    private static final int TASKS = 32;
    /** Each task packs its panel for itself: with fewer rows that would take longer than the product saves. */
    private static final int LEAST_ROWS = 128;

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
    public boolean packs() {
        return false;
    }

    @Override
    public void multiplyPacked(Operand c, Operand a, Matrix b, int m, int n, int k, float alpha, boolean add,
            long bias) {
        throw new UnsupportedOperationException();
    }

    @Override
    public String description() {
        return "Java Vector API instead of oneDNN (" + reason + ")";
    }

    @Override
    public void multiply(Operand c, Operand a, Operand b, int m, int n, int k, int batch, float alpha, boolean add,
            long bias) {
        int panels = Math.ceilDiv(n, WIDTH), across = Math.multiplyExact(batch, panels);
        int parts = Math.clamp(m / LEAST_ROWS, 1, Math.ceilDiv(TASKS, across));
        int height = Math.ceilDiv(Math.ceilDiv(m, parts), MicroKernel.ROWS) * MicroKernel.ROWS;
        long scratchSize = tileScratch(k);
        var workspace = memory.allocateOwned(DType.F32, scratchSize * parallel.threads(), Purpose.WORKSPACE);
        try {
            long scratch = workspace.address();
            parallel.tasks(Math.multiplyExact(across, Math.ceilDiv(m, height)), (task, worker) -> {
                int t = task % across / panels, column = task % panels * WIDTH, width = Math.min(WIDTH, n - column);
                int from = task / across * height, rows = Math.min(height, m - from);
                tile(worker, c.at(t, from, column), c.row(), a.at(t, from, 0), a.row(), a.column(), b.at(t, 0, column),
                        b.row(), b.column(), rows, width, k, alpha, add, scratch + 4 * scratchSize * worker);
                for (int i = from; i < from + rows && bias != 0; i++) {
                    long row = c.at(t, i, column);
                    Elementwise.addRun(row, row, bias + 4L * column, width);
                }
            });
        } finally {
            workspace.release();
        }
    }

    @Override
    public long tileScratch(int k) {
        return (long) WIDTH * Math.min(DEPTH, k);
    }

    @Override
    public void tile(int worker, long c, long cRow, long a, long aRow, long aColumn, long b, long bRow, long bColumn,
            int m,
            int n, int k, float alpha, boolean add, long scratch) {
        for (int j = 0; j < n; j += WIDTH) {
            int width = Math.min(WIDTH, n - j);
            for (int p = 0; p < k; p += DEPTH) {
                int depth = Math.min(DEPTH, k - p);
                pack(scratch, b + 4 * (p * bRow + j * bColumn), bRow, bColumn, depth, width);
                MicroKernel.multiply(c + 4L * j, cRow, a + 4 * p * aColumn, aRow, aColumn, scratch, WIDTH, m, width,
                        depth,
                        alpha, add || p > 0);
            }
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
