package lorikeet.engine;

import java.util.Arrays;
import java.util.List;

/** What a safetensors file says about one of its tensors. A shape without axes is a single number. */
public record TensorInfo(String name, SafetensorsType dtype, List<Long> shape) {
    public TensorInfo {
        shape = List.copyOf(shape);
        try {
            long bytes = dtype.bytes();
            for (long length : shape) {
                if (length < 0) {
                    throw new ArithmeticException("negative");
                }
                bytes = Math.multiplyExact(bytes, length);
            }
        } catch (ArithmeticException _) {
            throw new IllegalArgumentException("tensor '" + name
                    + "': expected lengths ≥ 0 and less than 2^63 bytes, found shape " + shape + " of " + dtype);
        }
    }

    /** A tensor of the engine's, to be written. */
    public TensorInfo(String name, SafetensorsType dtype, Shape shape) {
        this(name, dtype, Arrays.stream(shape.toArray()).mapToObj(Long::valueOf).toList());
    }

    /**
     * The shape as the engine has it.
     *
     * @throws IllegalArgumentException if an axis is longer than 2^31 − 1
     */
    public Shape engineShape() {
        try {
            return Shape.of(shape.stream().mapToInt(Math::toIntExact).toArray());
        } catch (ArithmeticException _) {
            throw new IllegalArgumentException("tensor '" + name + "': expected lengths below 2^31, found " + shape);
        }
    }

    /** Number of elements: the product of the shape. */
    public long elements() {
        return shape.stream().reduce(1L, (a, b) -> a * b);
    }

    /** Size in bytes. */
    public long bytes() {
        return elements() * dtype.bytes();
    }
}
