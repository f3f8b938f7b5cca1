package lorikeet.engine;

import java.util.Arrays;
import java.util.stream.Collectors;

/** The extents of a tensor, outermost first. Elements lie in row-major order: the last index runs fastest. */
public final class Shape {
    private final int[] dims;

    private Shape(int[] dims) {
        this.dims = dims;
    }

    /** @throws IllegalArgumentException if an extent is negative */
    public static Shape of(int... dims) {
        for (int dim : dims) {
            if (dim < 0) {
                throw new IllegalArgumentException("negative extent in shape " + Arrays.toString(dims));
            }
        }
        return new Shape(dims.clone());
    }

    /** The shape of a single number. */
    public static Shape scalar() {
        return new Shape(new int[0]);
    }

    /** Number of axes. */
    public int rank() {
        return dims.length;
    }

    /** Extent of {@code axis}; negative axes count from the last: −1 is the innermost. */
    public int dim(int axis) {
        return dims[axis(axis)];
    }

    /** {@code axis} counted from the front, after checking that it exists. */
    public int axis(int axis) {
        int fromFront = axis < 0 ? axis + dims.length : axis;
        if (fromFront < 0 || fromFront >= dims.length) {
            throw new IllegalArgumentException("no axis " + axis + " in shape " + this);
        }
        return fromFront;
    }

    /** Number of elements. */
    public long size() {
        long size = 1;
        for (int dim : dims) {
            size = Math.multiplyExact(size, dim);
        }
        return size;
    }

    /** Product of the extents of the axes {@code from} to {@code to − 1}. */
    int product(int from, int to) {
        long product = 1;
        for (int i = from; i < to; i++) {
            product = Math.multiplyExact(product, dims[i]);
        }
        return Math.toIntExact(product);
    }

    /** Rows when all but the last axis are seen as one. */
    public int rows() {
        return product(0, dims.length - 1);
    }

    /** Extent of the last axis. */
    public int columns() {
        return dim(-1);
    }

    /** The same shape with another extent at {@code axis}. */
    public Shape with(int axis, int dim) {
        var changed = dims.clone();
        changed[axis(axis)] = dim;
        return of(changed);
    }

    /** The same shape without {@code axis}. */
    public Shape without(int axis) {
        int gone = axis(axis);
        var rest = new int[dims.length - 1];
        System.arraycopy(dims, 0, rest, 0, gone);
        System.arraycopy(dims, gone + 1, rest, gone, rest.length - gone);
        return new Shape(rest);
    }

    /** A copy of the extents. */
    public int[] toArray() {
        return dims.clone();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Shape shape && Arrays.equals(dims, shape.dims);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(dims);
    }

    @Override
    public String toString() {
        return Arrays.stream(dims).mapToObj(Integer::toString).collect(Collectors.joining(", ", "[", "]"));
    }
}
