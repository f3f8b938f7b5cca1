package lorikeet.peft;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import lorikeet.engine.AtomicFile;
import lorikeet.engine.SafetensorsFile;
import lorikeet.engine.SafetensorsWriter;
import lorikeet.engine.Tensor;
import lorikeet.model.Decoder;

/**
 * An adapter on disk, as Hugging Face PEFT lays it out: {@code adapter_config.json} with the options and
 * {@code adapter_model.safetensors} with the parameters. The methods that only choose parameters, which PEFT does not have,
 * use the same two files with a {@code peft_type} of our own.
 */
public final class AdapterFolder {
    private static final String CONFIG = "adapter_config.json";
    private static final String WEIGHTS = "adapter_model.safetensors";
    private static final String PREFIX = "base_model.model.";
    private static final String FULL = "LORIKEET_FULL";
    private static final String LAST_LAYERS = "LORIKEET_LAST_LAYERS";
    private static final String BITFIT = "LORIKEET_BITFIT";

    private AdapterFolder() {}

    /** The method that the folder's configuration describes. Unknown fields are warned of. */
    public static Method readMethod(Path folder) throws IOException {
        var config = AdapterConfig.read(folder.resolve(CONFIG));
        var type = config.text("peft_type", "");
        try {
            var method = switch (type) {
                case LoraConfig.TYPE -> LoraConfig.read(config);
                case FULL -> new Selection.Full();
                case LAST_LAYERS -> new Selection.LastLayers(config.count("layers", 1));
                case BITFIT -> new Selection.BitFit();
                default ->
                    throw config.problem("peft_type", "expected LORA, " + FULL + ", " + LAST_LAYERS + " or " + BITFIT);
            };
            config.warnOfUnknown();
            return method;
        } catch (IllegalArgumentException e) {
            throw new IOException(folder.resolve(CONFIG) + ": " + e.getMessage(), e);
        }
    }

    /** Attaches the folder's method to the decoder and reads its parameters. If that fails, nothing is attached. */
    public static Adapter load(Path folder, Decoder decoder) throws IOException {
        var method = readMethod(folder);
        Adapter adapter;
        try {
            adapter = method.attach(decoder, 0);
        } catch (IllegalArgumentException e) {
            throw new IOException(folder.resolve(CONFIG) + ": does not fit this base: " + e.getMessage(), e);
        }
        try (var file = SafetensorsFile.open(folder.resolve(WEIGHTS))) {
            read(file, adapter.parameters());
            return adapter;
        } catch (IOException | RuntimeException e) {
            adapter.detach();
            throw e;
        }
    }

    private static void read(SafetensorsFile file, Map<String, Tensor> parameters) throws IOException {
        var missing = new HashSet<>(parameters.keySet());
        for (var info : file.tensors()) {
            var name = plainName(info.name());
            var parameter = parameters.get(name);
            if (parameter == null) {
                throw new IOException(
                        file.path() + ": tensor " + info.name() + " has no place in this adapter and base");
            }
            if (!info.engineShape().equals(parameter.shape())) {
                throw new IOException(
                        file.path() + ": tensor " + info.name() + " has shape " + info.shape() + ", expected "
                                + parameter.shape());
            }
            parameter.device().upload(parameter.data(), file.floats(info.name()));
            missing.remove(name);
        }
        if (!missing.isEmpty()) {
            throw new IOException(file.path() + ": tensor " + missing.iterator().next() + " is missing");
        }
    }

    /** The decoder's name for a parameter: without what PEFT and transformers put in front. */
    private static String plainName(String name) {
        var inner = name.startsWith(PREFIX) ? name.substring(PREFIX.length()) : name;
        return inner.startsWith("transformer.") ? inner.substring("transformer.".length()) : inner;
    }

    /**
     * Writes the folder, or replaces the two files in it.
     *
     * @param base what the adapter was trained on, for people: a path or a name
     */
    public static void save(Path folder, Adapter adapter, String base) throws IOException {
        var fields = new HashMap<String, Object>(switch (adapter.method()) {
            case Lora lora -> LoraConfig.write(lora);
            case Selection.Full _ -> Map.of("peft_type", FULL);
            case Selection.LastLayers last -> Map.of("peft_type", LAST_LAYERS, "layers", last.layers());
            case Selection.BitFit _ -> Map.of("peft_type", BITFIT);
            default -> throw new IllegalArgumentException("no file format for " + adapter.method().name());
        });
        fields.put("auto_mapping", null);
        fields.put("base_model_name_or_path", base);
        fields.put("inference_mode", true);
        fields.put("revision", null);
        fields.put("task_type", "CAUSAL_LM");
        var tensors = new ArrayList<SafetensorsWriter.Source>();
        adapter.parameters().forEach((name, tensor) -> tensors
                .add(SafetensorsWriter.Source.of(PREFIX + fullName(name), tensor.shape(), tensor.toArray())));
        Files.createDirectories(folder);
        SafetensorsWriter.write(folder.resolve(WEIGHTS), Map.of("format", "pt"), tensors);
        var json = AdapterConfig.write(fields).getBytes(StandardCharsets.UTF_8);
        AtomicFile.write(folder.resolve(CONFIG), channel -> channel.write(ByteBuffer.wrap(json)));
    }

    private static String fullName(String name) {
        return name.equals("lm_head.weight") ? name : "transformer." + name;
    }
}
