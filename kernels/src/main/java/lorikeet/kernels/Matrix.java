package lorikeet.kernels;

/**
 * How a matrix product or attention sees a buffer: a row-major matrix of which each row starts {@code stride} elements
 * after the one before, perhaps read transposed, perhaps one of {@code batch} such matrices that start
 * {@code batchStride} elements apart.
 *
 * @param data    where it lies; element (0, 0) is the buffer's first
 * @param rows    number of rows as stored, before any transposition
 * @param columns number of columns as stored, before any transposition
 */
public record Matrix(Buffer data, int rows, int columns, int stride, boolean transposed, int batch, long batchStride) {

    public Matrix {
        if (rows < 0 || columns < 0 || batch < 1 || stride < columns) {
            throw new IllegalArgumentException("matrix " + rows + "×" + columns + " with stride " + stride);
        }
        long needed = rows == 0 || columns == 0 ? 0 : (batch - 1) * batchStride + (rows - 1L) * stride + columns;
        if (needed > data.size()) {
            throw new IllegalArgumentException(
                    "matrix " + rows + "×" + columns + " with stride " + stride + " needs " + needed
                            + " elements, has " + data);
        }
    }

    /** The whole buffer as a compact {@code rows × columns} matrix. */
    public static Matrix of(Buffer data, int rows, int columns) {
        return new Matrix(data, rows, columns, columns, false, 1, 0);
    }

    /** The whole buffer as {@code batch} compact matrices, one after the other. */
    public static Matrix batch(Buffer data, int batch, int rows, int columns) {
        return new Matrix(data, rows, columns, columns, false, batch, (long) rows * columns);
    }

    /** The same matrix read with rows and columns exchanged; nothing moves. */
    public Matrix transpose() {
        return new Matrix(data, rows, columns, stride, !transposed, batch, batchStride);
    }

    /** {@code count} stored columns from column {@code from}: a narrower matrix in the same memory. */
    public Matrix columns(int from, int count) {
        long start = Math.min(from, data.size()); // without rows there is nothing to skip
        return new Matrix(data.slice(start, data.size() - start), rows, count, stride, transposed, batch, batchStride);
    }

    /** {@code count} stored rows from row {@code from}: a lower matrix in the same memory. */
    public Matrix rows(int from, int count) {
        long start = Math.min((long) from * stride, data.size());
        return new Matrix(data.slice(start, data.size() - start), count, columns, stride, transposed, batch,
                batchStride);
    }

    /** Rows as read, that is after transposition. */
    public int height() {
        return transposed ? columns : rows;
    }

    /** Columns as read, that is after transposition. */
    public int width() {
        return transposed ? rows : columns;
    }
}
