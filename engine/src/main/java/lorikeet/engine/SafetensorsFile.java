package lorikeet.engine;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;

/**
 * A safetensors file, mapped into memory: eight bytes with the length of the header, the header in JSON, then the
 * little-endian numbers of all tensors without a gap. Opening reads and checks the header only, so it is quick however
 * large the file.
 *
 * <p>The format is that of <a href="https://github.com/huggingface/safetensors">huggingface/safetensors</a>. Any number of
 * threads may read; closing invalidates the segments that were handed out.
 */
public final class SafetensorsFile implements AutoCloseable {
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(LITTLE_ENDIAN);
    private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(LITTLE_ENDIAN);

    private final Path path;
    private final Arena arena;
    private final MemorySegment data;
    private final SafetensorsHeader header;

    private SafetensorsFile(Path path, Arena arena, MemorySegment data, SafetensorsHeader header) {
        this.path = path;
        this.arena = arena;
        this.data = data;
        this.header = header;
    }

    /**
     * Maps and checks a file.
     *
     * @throws SafetensorsException if it is not a sound safetensors file
     * @throws IOException          if it cannot be read
     */
    public static SafetensorsFile open(Path path) throws IOException {
        var arena = Arena.ofShared();
        try (var channel = FileChannel.open(path, StandardOpenOption.READ)) {
            var file = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
            var header = SafetensorsHeader.read(path, file);
            return new SafetensorsFile(path, arena, file.asSlice(header.dataStart()), header);
        } catch (IOException | RuntimeException | Error failure) {
            arena.close();
            throw failure;
        }
    }

    public Path path() {
        return path;
    }

    /** The texts that the file carries beside its tensors; empty where it has none. */
    public Map<String, String> metadata() {
        return header.metadata();
    }

    /** All tensors in the order in which they lie in the file. */
    public List<TensorInfo> tensors() {
        return header.spans().values().stream().map(SafetensorsHeader.Span::info).toList();
    }

    public boolean contains(String name) {
        return header.spans().containsKey(name);
    }

    /** @throws IllegalArgumentException if the file has no such tensor */
    public TensorInfo info(String name) {
        return span(name).info();
    }

    /** The little-endian bytes of a tensor, read-only, valid until this file is closed. They may be unaligned. */
    public MemorySegment data(String name) {
        var span = span(name);
        return data.asSlice(span.begin(), span.info().bytes());
    }

    /** Whether a tensor's bytes can be read in place as an array of F32. */
    public boolean holdsFloats(String name) {
        return info(name).dtype() == SafetensorsType.F32 && data(name).address() % Float.BYTES == 0;
    }

    /** The numbers of a tensor of any kind but U64 and F8, as floats. */
    public float[] floats(String name) {
        var source = data(name);
        var dtype = info(name).dtype();
        var values = new float[length(name)];
        if (dtype == SafetensorsType.F32) {
            MemorySegment.copy(source, FLOAT, 0, values, 0, values.length);
            return values;
        }
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) number(name, dtype, source, i);
        }
        return values;
    }

    /** The numbers of a tensor of any kind but U64 and F8, as doubles. */
    public double[] doubles(String name) {
        var source = data(name);
        var dtype = info(name).dtype();
        var values = new double[length(name)];
        for (int i = 0; i < values.length; i++) {
            values[i] = number(name, dtype, source, i);
        }
        return values;
    }

    /** The numbers of a tensor of integers or truth values (0 and 1). */
    public long[] longs(String name) {
        var source = data(name);
        var dtype = info(name).dtype();
        var values = new long[length(name)];
        for (int i = 0; i < values.length; i++) {
            values[i] = integer(name, dtype, source, i);
        }
        return values;
    }

    private double number(String name, SafetensorsType dtype, MemorySegment source, long index) {
        return switch (dtype) {
            case F64 -> source.getAtIndex(DOUBLE, index);
            case F32 -> source.getAtIndex(FLOAT, index);
            case BF16 -> Float.intBitsToFloat(source.getAtIndex(SHORT, index) << 16);
            case F16 -> Float.float16ToFloat(source.getAtIndex(SHORT, index));
            default -> integer(name, dtype, source, index);
        };
    }

    private long integer(String name, SafetensorsType dtype, MemorySegment source, long index) {
        return switch (dtype) {
            case I64 -> source.getAtIndex(LONG, index);
            case I32 -> source.getAtIndex(INT, index);
            case U32 -> Integer.toUnsignedLong(source.getAtIndex(INT, index));
            case I16 -> source.getAtIndex(SHORT, index);
            case U16 -> Short.toUnsignedInt(source.getAtIndex(SHORT, index));
            case I8 -> source.get(ValueLayout.JAVA_BYTE, index);
            case U8 -> Byte.toUnsignedInt(source.get(ValueLayout.JAVA_BYTE, index));
            case BOOL -> source.get(ValueLayout.JAVA_BYTE, index) == 0 ? 0 : 1;
            default -> throw problem(name, "numbers of kind " + dtype + " cannot be read as what was asked for");
        };
    }

    private int length(String name) {
        long elements = info(name).elements();
        if (elements > Integer.MAX_VALUE - 8) {
            throw problem(name, "expected at most 2^31 − 9 elements to fit a Java array, found " + elements);
        }
        return (int) elements;
    }

    private SafetensorsHeader.Span span(String name) {
        var span = header.spans().get(name);
        if (span == null) {
            throw problem(name, "expected in the file, but it is not there");
        }
        return span;
    }

    private IllegalArgumentException problem(String name, String problem) {
        return new IllegalArgumentException(path + ": tensor '" + name + "': " + problem);
    }

    @Override
    public void close() {
        arena.close();
    }
}
