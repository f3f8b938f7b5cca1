package lorikeet.kernels.cuda;

import lorikeet.kernels.cuda.Gpu.Grid;

/**
 * How many threads and blocks a kernel gets. Grid-stride loops make any number right; enough is what keeps every
 * processor busy. A grid of no blocks stands for no work. Where blocks sum up something, their number depends on the
 * shape alone, so that the sums do not depend on the GPU.
 */
record Grids(int processors) {
    static final int THREADS = 256;
    /** Threads of this many full blocks fill a processor. */
    private static final int BLOCKS_PER_PROCESSOR = 8;
    private static final int LARGEST_Y = 65_535;

    /** One thread for every four of {@code n} numbers, up to what the GPU holds. */
    Grid flat(long n) {
        return new Grid(blocks(Math.ceilDiv(n, 4L * THREADS)), 1, 1, THREADS, 1);
    }

    /** At most as many blocks as the GPU holds at a time. */
    int blocks(long wanted) {
        return (int) Math.min(wanted, (long) processors * BLOCKS_PER_PROCESSOR);
    }

    /** Blocks that are as wide as rows of {@code columns} numbers need, with rows in y; {@code batch} times. */
    Grid rows(int rows, int columns, int batch) {
        int runs = runs(columns), width = widthFor(runs, THREADS), height = THREADS / width;
        if (rows == 0 || columns == 0) {
            return new Grid(0, 0, 0, width, height);
        }
        int across = blocks(Math.ceilDiv(runs, width));
        int down = Math.max(1, Math.min(Math.ceilDiv(rows, height), blocks(LARGEST_Y) / across));
        return new Grid(across, Math.min(down, LARGEST_Y), Math.min(batch, LARGEST_Y), width, height);
    }

    /**
     * For kernels that hold a row in registers, 16 numbers a thread: one warp a row, four rows a block; or if rows are
     * longer than a warp holds, one block a row.
     */
    Grid wholeRows(int rows, int columns, int mostThreads) {
        int threads = threadsForRow(columns, mostThreads);
        return wholeRows(rows, columns, threads, threads == 32 ? 4 : 1);
    }

    /** The same with up to four rows in every block, of at most 512 threads: for rows that have something in common. */
    Grid relatedRows(int rows, int columns) {
        int threads = threadsForRow(columns, 512);
        return wholeRows(rows, columns, threads, Math.min(4, 512 / threads));
    }

    private static int threadsForRow(int columns, int most) {
        return Math.clamp(Math.ceilDiv(columns, 16 * 32) * 32, 32, most);
    }

    private Grid wholeRows(int rows, int columns, int threads, int rowsPerBlock) {
        return new Grid(blocks(Math.ceilDiv(rows, rowsPerBlock) * (columns == 0 ? 0L : 1)), 1, 1, threads,
                rowsPerBlock);
    }

    /** Up to 32 threads along the columns, the rest of 256 down the rows of a chunk: for sums over rows. */
    static int columnSumWidth(int columns, boolean vector) {
        return widthFor(vector ? columns / 4 : columns, 32);
    }

    /** How many runs of four, or of one if they do not come out even, a row has. */
    private static int runs(int columns) {
        return columns % 4 == 0 ? columns / 4 : columns;
    }

    /** The least power of two that is not below {@code runs}, but at most {@code most}. */
    private static int widthFor(int runs, int most) {
        return Math.min(most, Integer.highestOneBit(Math.max(1, 2 * runs - 1)));
    }
}
