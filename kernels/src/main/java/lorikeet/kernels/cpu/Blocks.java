package lorikeet.kernels.cpu;

/**
 * How a matrix c of {@code m × n} is cut into blocks of {@code height × width}, the last ones perhaps smaller; numbered
 * row by row.
 */
record Blocks(int m, int n, int height, int width) {
    /** Products with fewer multiplications are not worth handing out to other threads. */
    private static final double SMALL = 2e6;

    /** Blocks of about the given size for a product with inner length {@code k}. */
    static Blocks of(int m, int n, int k, int height, int width) {
        return (double) m * n * k < SMALL ? new Blocks(m, n, m, n) : new Blocks(m, n, part(m, height), part(n, width));
    }

    /** Cuts into one part, or into an even number of equal ones, so that two or four threads get the same share. */
    static int part(int extent, int size) {
        long parts = extent < 1.5 * size ? 1 : 2 * Math.max(1, Math.round(extent / (2.0 * size)));
        return Math.min(extent, Math.ceilDiv(Math.ceilDiv(extent, (int) parts), 16) * 16);
    }

    /** The same with blocks so much higher that all but the last ones have a multiple of {@code tile} rows. */
    Blocks ofWhole(int tile) {
        return new Blocks(m, n, Math.min(m, Math.ceilDiv(height, tile) * tile), width);
    }

    int across() {
        return Math.ceilDiv(n, width);
    }

    int count() {
        return Math.ceilDiv(m, height) * across();
    }

    int row(int block) {
        return block / across() * height;
    }

    int column(int block) {
        return block % across() * width;
    }

    int rows(int block) {
        return Math.min(height, m - row(block));
    }

    int columns(int block) {
        return Math.min(width, n - column(block));
    }
}
