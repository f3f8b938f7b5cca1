package lorikeet.engine;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The header of a safetensors file: what lies where, and nothing that is not so. Every file that passes {@link #read} has
 * tensors that fill the bytes after the header exactly, in order, without gap or overlap.
 */
record SafetensorsHeader(long dataStart, Map<String, String> metadata, Map<String, Span> spans) {
    /** The limit of the reference implementation. */
    private static final long MAX_HEADER_BYTES = 100_000_000;
    static final String METADATA = "__metadata__";

    private static final JsonFactory JSON = JsonFactory.builder().streamReadConstraints(StreamReadConstraints.builder()
            .maxNestingDepth(3).maxNumberLength(20).maxNameLength(65_536).build())
            .build();

    /** A tensor and the offset of its first byte behind the header. */
    record Span(TensorInfo info, long begin, long end) {
    }

    /** Reads and checks the header of a whole file. */
    static SafetensorsHeader read(Path path, MemorySegment file) throws IOException {
        if (file.byteSize() < 10) {
            throw new SafetensorsException(path, "expected at least 10 bytes, found " + file.byteSize());
        }
        long length = file.get(ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), 0);
        long limit = Math.min(MAX_HEADER_BYTES, file.byteSize() - 8);
        if (length < 2 || length > limit) {
            throw new SafetensorsException(path, "expected a header of 2 to " + limit + " bytes, found "
                    + Long.toUnsignedString(length) + otherKind(file));
        }
        var bytes = file.asSlice(8, length).toArray(ValueLayout.JAVA_BYTE);
        var header = new Reader(path).parse(text(path, bytes));
        return new SafetensorsHeader(8 + length, header.metadata,
                inOrder(path, header.spans, file.byteSize() - 8 - length));
    }

    /** What a file seems to be that often stands in the place of a safetensors file; empty if it is none of these. */
    private static String otherKind(MemorySegment file) {
        var start = new String(file.asSlice(0, 10).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.ISO_8859_1);
        if (start.startsWith("version ht")) {
            return ": this is only a pointer to the file, which \"git lfs pull\" fetches";
        }
        return start.startsWith("PK\3\4") || start.startsWith("\200\2")
                ? ": this seems to be PyTorch's format, which is not read; save it as safetensors"
                : "";
    }

    private static String text(Path path, byte[] bytes) throws SafetensorsException {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
        } catch (CharacterCodingException _) {
            throw new SafetensorsException(path, "expected a header in UTF-8, found other bytes");
        }
    }

    private static Map<String, Span> inOrder(Path path, Map<String, Span> found, long dataBytes)
            throws SafetensorsException {
        var sorted = new ArrayList<>(found.values());
        sorted.sort(Comparator.comparingLong(Span::begin).thenComparingLong(Span::end));
        var spans = new LinkedHashMap<String, Span>();
        long position = 0;
        for (var span : sorted) {
            if (span.begin != position) {
                throw new SafetensorsException(path, "tensor '" + span.info.name() + "': expected to begin at byte "
                        + position + ", where the one before it ends, found " + span.begin);
            }
            spans.put(span.info.name(), span);
            position = span.end;
        }
        if (position != dataBytes) {
            throw new SafetensorsException(path, "expected " + position + " bytes of tensors, found " + dataBytes);
        }
        return Collections.unmodifiableMap(spans);
    }

    /** Walks the JSON token by token; {@code where} is what an error message names. */
    private static final class Reader {
        private final Path path;
        private final Map<String, String> metadata = new TreeMap<>();
        private final Map<String, Span> spans = new LinkedHashMap<>();
        private String where = "header";

        Reader(Path path) {
            this.path = path;
        }

        Reader parse(String text) throws IOException {
            if (text.charAt(0) != '{') {
                throw expected("'{' as its first character", "'" + text.charAt(0) + "'");
            }
            try (var json = JSON.createParser(text)) {
                json.nextToken();
                boolean metadataSeen = false;
                while (json.nextToken() != JsonToken.END_OBJECT) {
                    var name = json.currentName();
                    if (!name.equals(METADATA)) {
                        where = "tensor '" + name + "'";
                        if (spans.putIfAbsent(name, span(name, json)) != null) {
                            throw expected("each name once", "two tensors of this name");
                        }
                    } else if (metadataSeen) {
                        throw expected(METADATA + " once", "it twice");
                    } else {
                        metadataSeen = true;
                        readMetadata(json);
                    }
                    where = "header";
                }
                if (json.nextToken() != null) {
                    throw expected("nothing but spaces behind the JSON object", json.currentToken().toString());
                }
            } catch (JsonProcessingException broken) {
                throw expected("sound JSON", broken.getOriginalMessage());
            }
            return this;
        }

        private void readMetadata(JsonParser json) throws IOException {
            where = METADATA;
            require(json.nextToken(), JsonToken.START_OBJECT);
            while (json.nextToken() != JsonToken.END_OBJECT) {
                var key = json.currentName();
                require(json.nextToken(), JsonToken.VALUE_STRING);
                if (metadata.putIfAbsent(key, json.getText()) != null) {
                    throw expected("each key once", "'" + key + "' twice");
                }
            }
        }

        private Span span(String name, JsonParser json) throws IOException {
            SafetensorsType dtype = null;
            List<Long> shape = null;
            List<Long> offsets = null;
            require(json.nextToken(), JsonToken.START_OBJECT);
            while (json.nextToken() != JsonToken.END_OBJECT) {
                var field = json.currentName();
                boolean again = switch (field) {
                    case "dtype" -> dtype != null;
                    case "shape" -> shape != null;
                    case "data_offsets" -> offsets != null;
                    default -> throw expected("dtype, shape and data_offsets", "'" + field + "'");
                };
                if (again) {
                    throw expected(field + " once", "it twice");
                }
                switch (field) {
                    case "dtype" -> dtype = dtype(json);
                    case "shape" -> shape = numbers(json);
                    default -> offsets = numbers(json);
                }
            }
            if (dtype == null || shape == null || offsets == null) {
                throw expected("dtype, shape and data_offsets",
                        "no " + (dtype == null ? "dtype" : shape == null ? "shape" : "data_offsets"));
            }
            return checked(name, dtype, shape, offsets);
        }

        private Span checked(String name, SafetensorsType dtype, List<Long> shape, List<Long> offsets)
                throws SafetensorsException {
            if (offsets.size() != 2 || offsets.get(0) > offsets.get(1)) {
                throw expected("data_offsets [begin, end] with begin ≤ end", offsets.toString());
            }
            TensorInfo info;
            try {
                info = new TensorInfo(name, dtype, shape);
            } catch (IllegalArgumentException tooLarge) {
                throw new SafetensorsException(path, tooLarge.getMessage());
            }
            long bytes = offsets.get(1) - offsets.get(0);
            if (bytes != info.bytes()) {
                throw expected(info.bytes() + " bytes for shape " + shape + " of " + dtype,
                        bytes + " in data_offsets " + offsets);
            }
            return new Span(info, offsets.get(0), offsets.get(1));
        }

        private SafetensorsType dtype(JsonParser json) throws IOException {
            require(json.nextToken(), JsonToken.VALUE_STRING);
            for (var dtype : SafetensorsType.values()) {
                if (dtype.name().equals(json.getText())) {
                    return dtype;
                }
            }
            throw expected("a dtype of " + List.of(SafetensorsType.values()), "'" + json.getText() + "'");
        }

        private List<Long> numbers(JsonParser json) throws IOException {
            require(json.nextToken(), JsonToken.START_ARRAY);
            var numbers = new ArrayList<Long>();
            while (json.nextToken() != JsonToken.END_ARRAY) {
                require(json.currentToken(), JsonToken.VALUE_NUMBER_INT);
                if (json.getNumberType() == JsonParser.NumberType.BIG_INTEGER || json.getLongValue() < 0) {
                    throw expected("whole numbers from 0 to 2^63 − 1", json.getText());
                }
                numbers.add(json.getLongValue());
            }
            return numbers;
        }

        private void require(JsonToken found, JsonToken wanted) throws SafetensorsException {
            if (found != wanted) {
                throw expected(wanted.toString(), String.valueOf(found));
            }
        }

        private SafetensorsException expected(String expectation, String found) {
            return new SafetensorsException(path, where + ": expected " + expectation + ", found " + found);
        }
    }
}
