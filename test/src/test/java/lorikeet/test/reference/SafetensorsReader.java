package lorikeet.test.reference;

import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/** Reads a sound safetensors file of F32 and I64 tensors whole, with no class of the engine. */
public final class SafetensorsReader {
    private SafetensorsReader() {}

    /** All tensors by name, as doubles. */
    public static Map<String, double[]> read(Path file) throws IOException {
        var bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        int length = Math.toIntExact(bytes.getLong());
        var header = new JsonMapper().readTree(new String(bytes.array(), 8, length, StandardCharsets.UTF_8));
        var tensors = new TreeMap<String, double[]>();
        for (var entry : header.properties()) {
            if (!entry.getKey().equals("__metadata__")) {
                var offsets = entry.getValue().get("data_offsets");
                var data = bytes.slice(8 + length + offsets.get(0).intValue(),
                        offsets.get(1).intValue() - offsets.get(0).intValue()).order(ByteOrder.LITTLE_ENDIAN);
                tensors.put(entry.getKey(), switch (entry.getValue().get("dtype").textValue()) {
                    case "F32" -> {
                        var values = new double[data.remaining() / 4];
                        for (int i = 0; i < values.length; i++) {
                            values[i] = data.getFloat(4 * i);
                        }
                        yield values;
                    }
                    case "I64" -> {
                        var values = new double[data.remaining() / 8];
                        for (int i = 0; i < values.length; i++) {
                            values[i] = data.getLong(8 * i);
                        }
                        yield values;
                    }
                    case String other -> throw new IOException(file + ": no rule for " + other);
                });
            }
        }
        return tensors;
    }
}
