package lorikeet.peft;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import lorikeet.engine.AtomicFile;
import lorikeet.engine.Printable;
import lorikeet.engine.SafetensorsFile;
import lorikeet.engine.SafetensorsWriter;
import lorikeet.engine.WholeFile;
import lorikeet.model.Decoder;

/**
 * An adapter on disk, as Hugging Face PEFT lays it out: {@code adapter_config.json} with the options and
 * {@code adapter_model.safetensors} with the parameters. The methods that only choose parameters, which PEFT does not have,
 * use the same two files with a {@code peft_type} of our own; series and parallel adapters the layout of AdapterHub's
 * library.
 */
public final class AdapterFolder {
    private static final String CONFIG = "adapter_config.json";
    private static final String WEIGHTS = "adapter_model.safetensors";
    /** What older releases of Hugging Face PEFT and AdapterHub's library write instead. */
    private static final List<String> PYTORCH = List.of("adapter_model.bin", "pytorch_adapter.bin");
    private static final String PREFIX = "base_model.model.";
    private static final String FULL = "LORIKEET_FULL";
    private static final String LAST_LAYERS = "LORIKEET_LAST_LAYERS";
    private static final String BITFIT = "LORIKEET_BITFIT";
    private static final String LAYER_NORMS = "LORIKEET_LAYER_NORMS";
    private static final String TYPES = String.join(", ", LoraConfig.TYPE, Ia3Config.TYPE,
            PromptLearningConfig.PROMPT_TUNING, PromptLearningConfig.PREFIX_TUNING, PromptLearningConfig.P_TUNING, FULL,
            LAST_LAYERS, BITFIT, LAYER_NORMS);

    private AdapterFolder() {}

    /** The method that the folder's configuration describes. Unknown fields are warned of. */
    public static Method readMethod(Path folder) throws IOException {
        var config = AdapterConfig.read(folder.resolve(CONFIG));
        try {
            var method = config.has("peft_type") ? peftMethod(config) : BottleneckConfig.read(config);
            config.warnOfUnknown();
            return method;
        } catch (IllegalArgumentException e) {
            throw new IOException(folder.resolve(CONFIG) + ": " + Printable.line(e.getMessage()), e);
        }
    }

    private static Method peftMethod(AdapterConfig config) throws IOException {
        return switch (config.text("peft_type", "")) {
            case LoraConfig.TYPE -> LoraConfig.read(config);
            case Ia3Config.TYPE -> Ia3Config.read(config);
            case PromptLearningConfig.PROMPT_TUNING -> PromptLearningConfig.readPromptTuning(config);
            case PromptLearningConfig.PREFIX_TUNING -> PromptLearningConfig.readPrefixTuning(config);
            case PromptLearningConfig.P_TUNING -> PromptLearningConfig.readPTuning(config);
            case FULL -> new Selection.Full();
            case LAST_LAYERS -> new Selection.LastLayers(config.count("layers", 1));
            case BITFIT -> new Selection.BitFit();
            case LAYER_NORMS -> new Selection.LayerNorms();
            default -> throw config.problem("peft_type", "expected one of " + TYPES);
        };
    }

    /** The text of the folder's configuration, as it is. */
    public static String config(Path folder) throws IOException {
        return new String(WholeFile.read(folder.resolve(CONFIG), AdapterConfig.MAX_BYTES), StandardCharsets.UTF_8);
    }

    /** The files that the folder may have, whichever method it holds. */
    public static List<Path> files(Path folder) {
        return Stream.of(CONFIG, WEIGHTS, BottleneckConfig.WEIGHTS, PromptLearningFolder.NETWORK).map(folder::resolve)
                .toList();
    }

    /** Attaches the folder's method to the decoder and reads its parameters. If that fails, nothing is attached. */
    public static Adapter load(Path folder, Decoder decoder) throws IOException {
        return load(folder, readMethod(folder), decoder);
    }

    /** The same where {@link #readMethod} has been asked for the folder's method already. */
    public static Adapter load(Path folder, Method method, Decoder decoder) throws IOException {
        requireSafetensors(folder, weights(folder, method));
        Adapter adapter;
        try {
            var config = AdapterConfig.read(folder.resolve(CONFIG));
            if (method instanceof PromptLearning virtual) {
                PromptLearningConfig.requireFit(config, virtual, decoder.shape());
                return PromptLearningFolder.attach(virtual, folder.resolve(WEIGHTS), decoder);
            } else if (method instanceof Bottleneck) {
                BottleneckConfig.requireFit(config, decoder.shape());
            }
            adapter = method.attach(decoder, 0);
        } catch (IllegalArgumentException e) {
            throw new IOException(folder.resolve(CONFIG) + ": does not fit this base: " + e.getMessage(), e);
        }
        try (var file = SafetensorsFile.open(weights(folder, method))) {
            read(file, adapter);
            return adapter;
        } catch (IOException | RuntimeException e) {
            adapter.detach();
            throw e;
        }
    }

    private static Path weights(Path folder, Method method) {
        return folder.resolve(method instanceof Bottleneck ? BottleneckConfig.WEIGHTS : WEIGHTS);
    }

    private static void requireSafetensors(Path folder, Path weights) throws IOException {
        if (!Files.exists(weights)) {
            for (var name : PYTORCH) {
                if (Files.exists(folder.resolve(name))) {
                    throw new IOException(folder.resolve(name)
                            + " is not read, since such files can run programs: save "
                            + "the adapter with safe_serialization=True, which writes " + weights.getFileName());
                }
            }
            throw new IOException(weights + ": no such file; an adapter folder has one");
        }
    }

    /** Reads all parameters, and nothing else, from the file. */
    static void read(SafetensorsFile file, Adapter adapter) throws IOException {
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
            throw new IOException(
                    file.path() + ": tensor " + storedName(adapter.method(), missing.getFirst()) + " is missing");
        }
    }

    /** The decoder's name for a parameter: without what PEFT and transformers put in front. */
    private static String plainName(String name) {
        var inner = name.startsWith(PREFIX) ? name.substring(PREFIX.length()) : name;
        return BottleneckConfig.plainName(
                inner.startsWith("transformer.") ? inner.substring("transformer.".length()) : inner);
    }

    /**
     * Writes the folder, or replaces what an adapter has left in it, also one of another method.
     *
     * @param base what the adapter was trained on, for people: a path or a name
     */
    public static void save(Path folder, Adapter adapter, String base) throws IOException {
        var stored = adapter.stored();
        var tensors = new ArrayList<SafetensorsWriter.Source>();
        stored.tensors().forEach((name, values) -> tensors.add(
                SafetensorsWriter.Source.of(storedName(stored.method(), name), values.shape(), values.numbers())));
        Files.createDirectories(folder);
        var written = new ArrayList<>(List.of(folder.resolve(CONFIG), weights(folder, stored.method())));
        SafetensorsWriter.write(written.getLast(), Map.of("format", "pt"), tensors);
        if (adapter instanceof VirtualTokens virtual && virtual.reparametrised()) {
            written.add(PromptLearningFolder.writeNetwork(virtual, folder));
        }
        var json = AdapterConfig.write(fields(adapter, stored.method(), base)).getBytes(StandardCharsets.UTF_8);
        AtomicFile.write(folder.resolve(CONFIG), channel -> channel.write(ByteBuffer.wrap(json)));
        for (var file : files(folder)) {
            if (!written.contains(file)) {
                Files.deleteIfExists(file);
            }
        }
    }

    private static String storedName(Method method, String name) {
        return switch (method) {
            case Bottleneck _ -> BottleneckConfig.storedName(name);
            case PromptLearning _ -> name;
            default -> PREFIX + (name.equals("lm_head.weight") ? name : "transformer." + name);
        };
    }

    private static Map<String, Object> fields(Adapter adapter, Method method, String base) {
        if (adapter instanceof BottleneckAdapters layers) {
            return BottleneckConfig.write(layers.method(), layers.shape(), base);
        }
        var fields = new HashMap<String, Object>(switch (method) {
            case Lora lora -> LoraConfig.write(lora, false);
            case Dora(Lora lora) -> LoraConfig.write(lora, true);
            case Ia3 ia3 -> Ia3Config.write(ia3);
            case PromptLearning virtual -> PromptLearningConfig.write(virtual, ((VirtualTokens) adapter).shape(), base);
            case Selection.Full _ -> Map.of("peft_type", FULL);
            case Selection.LastLayers last -> Map.of("peft_type", LAST_LAYERS, "layers", last.layers());
            case Selection.BitFit _ -> Map.of("peft_type", BITFIT);
            case Selection.LayerNorms _ -> Map.of("peft_type", LAYER_NORMS);
            default -> throw new IllegalArgumentException("no file format for " + method.name());
        });
        fields.put("auto_mapping", null);
        fields.put("base_model_name_or_path", base);
        fields.put("inference_mode", true);
        fields.put("revision", null);
        fields.put("task_type", "CAUSAL_LM");
        return fields;
    }
}
