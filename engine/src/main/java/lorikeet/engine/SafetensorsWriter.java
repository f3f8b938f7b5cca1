package lorikeet.engine;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import java.io.IOException;
import java.io.StringWriter;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;

/** Writes safetensors files that are equal, byte for byte, to what the reference implementation writes. */
public final class SafetensorsWriter {
    private static final int CHUNK = 1 << 20;
    /** The reference writes escaped control characters with lower-case hexadecimal digits. */
    private static final JsonFactory JSON = JsonFactory.builder().disable(JsonWriteFeature.WRITE_HEX_UPPER_CASE)
            .build();
    private static final Comparator<Source> ORDER = Comparator
            .comparing((Source source) -> source.info.dtype(), Comparator.reverseOrder())
            .thenComparing(source -> source.info.name().getBytes(StandardCharsets.UTF_8), Arrays::compareUnsigned);

    /** A tensor to be written; {@code data} gives its little-endian bytes and is asked once, when their turn comes. */
    public record Source(TensorInfo info, Supplier<MemorySegment> data) {
        public static Source of(String name, Shape shape, float[] values) {
            return new Source(new TensorInfo(name, SafetensorsType.F32, shape), () -> MemorySegment.ofArray(values));
        }

        public static Source of(String name, Shape shape, long[] values) {
            return new Source(new TensorInfo(name, SafetensorsType.I64, shape), () -> MemorySegment.ofArray(values));
        }
    }

    private SafetensorsWriter() {}

    /**
     * Writes tensors, in whatever order they are given, and replaces the file if there is one.
     *
     * @param metadata texts for the header; where empty, the header has none
     * @throws IllegalArgumentException if two tensors have one name, or data has not the size of its shape
     */
    public static void write(Path path, Map<String, String> metadata, Collection<Source> tensors) throws IOException {
        var sources = new ArrayList<>(tensors);
        sources.sort(ORDER);
        var names = new HashSet<>(Set.of(SafetensorsHeader.METADATA));
        for (var source : sources) {
            if (!names.add(source.info.name())) {
                throw new IllegalArgumentException(path + ": tensor '" + source.info.name()
                        + "': expected a name of its own");
            }
        }
        var header = header(metadata, sources);
        AtomicFile.write(path, channel -> {
            var chunk = ByteBuffer.allocateDirect(CHUNK).order(ByteOrder.LITTLE_ENDIAN);
            channel.write(chunk.putLong(header.length).flip());
            channel.write(ByteBuffer.wrap(header));
            for (var source : sources) {
                var data = source.data.get();
                if (data.byteSize() != source.info.bytes()) {
                    throw new IllegalArgumentException(path + ": tensor '" + source.info.name() + "': expected "
                            + source.info.bytes() + " bytes for shape " + source.info.shape() + ", found "
                            + data.byteSize());
                }
                write(channel, data, chunk);
            }
        });
    }

    /** Through a buffer, since a channel takes neither arrays of floats nor more than 2^31 bytes. */
    private static void write(WritableByteChannel channel, MemorySegment data, ByteBuffer chunk) throws IOException {
        for (long position = 0; position < data.byteSize(); position += CHUNK) {
            int count = (int) Math.min(CHUNK, data.byteSize() - position);
            chunk.clear().limit(count);
            MemorySegment.ofBuffer(chunk).copyFrom(data.asSlice(position, count));
            while (chunk.hasRemaining()) {
                channel.write(chunk);
            }
        }
    }

    private static byte[] header(Map<String, String> metadata, List<Source> sources) throws IOException {
        var text = new StringWriter();
        try (var json = JSON.createGenerator(text)) {
            json.writeStartObject();
            if (!metadata.isEmpty()) {
                json.writeObjectFieldStart(SafetensorsHeader.METADATA);
                for (var entry : new TreeMap<>(metadata).entrySet()) {
                    json.writeStringField(entry.getKey(), entry.getValue());
                }
                json.writeEndObject();
            }
            long position = 0;
            for (var source : sources) {
                var info = source.info;
                json.writeObjectFieldStart(info.name());
                json.writeStringField("dtype", info.dtype().name());
                writeArray(json, "shape", info.shape());
                writeArray(json, "data_offsets", List.of(position, position + info.bytes()));
                json.writeEndObject();
                position += info.bytes();
            }
            json.writeEndObject();
        }
        var bytes = text.toString().getBytes(StandardCharsets.UTF_8);
        var padded = Arrays.copyOf(bytes, Math.ceilDiv(bytes.length, 8) * 8);
        Arrays.fill(padded, bytes.length, padded.length, (byte) ' ');
        return padded;
    }

    private static void writeArray(JsonGenerator json, String name, List<Long> numbers) throws IOException {
        json.writeArrayFieldStart(name);
        for (long number : numbers) {
            json.writeNumber(number);
        }
        json.writeEndArray();
    }
}
