package lorikeet.peft;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import lorikeet.engine.AtomicFile;
import lorikeet.engine.SafetensorsFile;
import lorikeet.engine.SafetensorsWriter;
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
    private static final String LAYER_NORMS = "LORIKEET_LAYER_NORMS";
    private static final String TYPES = String.join(", ", LoraConfig.TYPE, Ia3Config.TYPE,
            FULL, LAST_LAYERS, BITFIT, LAYER_NORMS);

    private AdapterFolder() {}

    /** The method that the folder's configuration describes. Unknown fields are warned of. */
    public static Method readMethod(Path folder) throws IOException {
        var config = AdapterConfig.read(folder.resolve(CONFIG));
        var type = config.text("peft_type", "");
        try {
            var method = switch (type) {
                case LoraConfig.TYPE -> LoraConfig.read(config);
                case Ia3Config.TYPE -> Ia3Config.read(config);
                case FULL -> new Selection.Full();
                case LAST_LAYERS -> new Selection.LastLayers(config.count("layers", 1));
                case BITFIT -> new Selection.BitFit();
                case LAYER_NORMS -> new Selection.LayerNorms();
                default -> throw config.problem("peft_type", "expected one of " + TYPES);
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
            read(file, adapter);
            return adapter;
        } catch (IOException | RuntimeException e) {
            adapter.detach();
            throw e;
        }
    }

    private static void read(SafetensorsFile file, Adapter adapter) throws IOException {
        var missing = new LinkedHashSet<>(adapter.parameters().keySet());
        for (var info : file.tensors()) {
            var name = plainName(info.name());
            var parameter = adapter.parameters().get(name);
            if (parameter == null) {
                throw new IOException(
                        file.path() + ": tensor " + info.name() + " has no place in this adapter and base");
            }
            if (!info.engineShape().equals(adapter.storedShape(name))) {
                throw new IOException(file.path() + ": tensor " + info.name() + " has shape " + info.shape()
                        + ", expected " + adapter.storedShape(name));
            }
            parameter.device().upload(parameter.data(), file.floats(info.name()));
            missing.remove(name);
        }
        if (!missing.isEmpty()) {
            throw new IOException(file.path() + ": tensor " + PREFIX + fullName(missing.getFirst()) + " is missing");
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
        var stored = adapter.stored();
        var fields = new HashMap<String, Object>(switch (stored.method()) {
            case Lora lora -> LoraConfig.write(lora, false);
            case Dora(Lora lora) -> LoraConfig.write(lora, true);
            case Ia3 ia3 -> Ia3Config.write(ia3);
            case Selection.Full _ -> Map.of("peft_type", FULL);
            case Selection.LastLayers last -> Map.of("peft_type", LAST_LAYERS, "layers", last.layers());
            case Selection.BitFit _ -> Map.of("peft_type", BITFIT);
            case Selection.LayerNorms _ -> Map.of("peft_type", LAYER_NORMS);
            default -> throw new IllegalArgumentException("no file format for " + adapter.method().name());
        });
        fields.put("auto_mapping", null);
        fields.put("base_model_name_or_path", base);
        fields.put("inference_mode", true);
        fields.put("revision", null);
        fields.put("task_type", "CAUSAL_LM");
        var tensors = new ArrayList<SafetensorsWriter.Source>();
        stored.tensors().forEach((name, values) -> tensors
                .add(SafetensorsWriter.Source.of(PREFIX + fullName(name), values.shape(), values.numbers())));
        Files.createDirectories(folder);
        SafetensorsWriter.write(folder.resolve(WEIGHTS), Map.of("format", "pt"), tensors);
        var json = AdapterConfig.write(fields).getBytes(StandardCharsets.UTF_8);
        AtomicFile.write(folder.resolve(CONFIG), channel -> channel.write(ByteBuffer.wrap(json)));
    }

    private static String fullName(String name) {
        return name.equals("lm_head.weight") ? name : "transformer." + name;
    }
}
