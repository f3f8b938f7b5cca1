package lorikeet.model;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeSet;
import java.util.regex.Pattern;
import lorikeet.engine.AtomicFile;
import lorikeet.engine.Printable;
import lorikeet.engine.SafetensorsFile;
import lorikeet.engine.SafetensorsType;
import lorikeet.engine.SafetensorsWriter;
import lorikeet.engine.Shape;
import lorikeet.engine.Tensor;
import lorikeet.engine.TensorInfo;
import lorikeet.engine.WholeFile;
import lorikeet.kernels.Buffer;
import lorikeet.kernels.DType;
import lorikeet.kernels.Device;
import lorikeet.kernels.Purpose;

/**
 * A model folder of Hugging Face's: {@code config.json}, {@code model.safetensors} (or shards with an index) and, where
 * there is one, {@code tokenizer.json}.
 */
public final class ModelFolder {
    private static final String WEIGHTS = "model.safetensors";
    private static final String INDEX = "model.safetensors.index.json";
    private static final int MAX_INDEX_BYTES = 64 << 20;
    private static final String CONFIG = "config.json";
    private static final String TOKENIZER = "tokenizer.json";
    /** What transformers and others read of a model besides configuration and weights. */
    private static final List<String> BESIDE_WEIGHTS =
            List.of(TOKENIZER, "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
                    "merges.txt", "chat_template.jinja", "generation_config.json");
    private static final int MAX_BESIDE_BYTES = 256 << 20;
    private static final String PREFIX = "transformer.";
    /** Constants of old files: the causal mask and the score of masked positions. */
    private static final Pattern NO_PARAMETER = Pattern.compile("h\\.\\d+\\.attn\\.(bias|masked_bias)");

    private final Path path;
    private final ModelConfig config;

    private ModelFolder(Path path, ModelConfig config) {
        this.path = path;
        this.config = config;
    }

    /** Reads the configuration; weights wait until {@link #load}. */
    public static ModelFolder open(Path path) throws IOException {
        if (!Files.isDirectory(path)) {
            throw new IOException(path + ": expected a model folder with config.json and model.safetensors"
                    + (Files.exists(path) ? "" : "; there is none, and nothing is downloaded"));
        }
        var file = path.resolve(CONFIG);
        var config = ModelConfig.read(file);
        if (!config.shape().isGpt2()) {
            throw new IOException(
                    file + ": expected \"model_type\" \"gpt2\", the only family of models that Lorikeet runs; "
                            + "for this one there is lorikeet plan");
        }
        return new ModelFolder(path, config);
    }

    public Path path() {
        return path;
    }

    public ModelConfig config() {
        return config;
    }

    /** Where the tokenizer would be; the file need not exist. */
    public Path tokenizer() {
        return path.resolve(TOKENIZER);
    }

    /** The files that hold the weights. */
    public List<Path> weightFiles() throws IOException {
        var single = path.resolve(WEIGHTS);
        if (Files.exists(single)) {
            return List.of(single);
        }
        var index = path.resolve(INDEX);
        if (!Files.exists(index)) {
            throw new IOException(path + ": expected " + WEIGHTS + " or " + INDEX
                    + (Files.exists(path.resolve("pytorch_model.bin"))
                            ? "; pytorch_model.bin is not read: save the model with safe_serialization=True"
                            : ""));
        }
        try {
            var map = new ObjectMapper().readTree(WholeFile.read(index, MAX_INDEX_BYTES)).path("weight_map");
            var names = new TreeSet<String>();
            map.forEach(name -> names.add(name.asText()));
            if (names.isEmpty()) {
                throw new IOException(index + ": expected a weight_map from tensor names to files");
            }
            var folder = path.toAbsolutePath().normalize(); // "." alone would be no path of its files
            var files = new ArrayList<Path>();
            for (var name : names) {
                var file = folder.resolve(name).normalize();
                if (!folder.equals(file.getParent())) {
                    throw new IOException(index + ": expected files of the same folder, found "
                            + Printable.line(name));
                }
                files.add(file);
            }
            return files;
        } catch (JsonProcessingException e) {
            throw new IOException(index + ": not valid JSON: " + e.getOriginalMessage());
        } catch (InvalidPathException e) {
            throw new IOException(index + ": expected names of files: " + e.getReason(), e);
        }
    }

    /**
     * Reads the weights onto a device. All parameters are trainable at first.
     *
     * @param matrices how matrices are stored on the device; BF16 only for what stays frozen
     * @param dropouts dropout in training, usually the configuration's
     */
    public Decoder load(Device device, DType matrices, Dropouts dropouts) throws IOException {
        var expected = expectedShapes(config.shape());
        var parameters = new LinkedHashMap<String, Tensor>();
        expected.forEach((name, _) -> parameters.put(name, null));
        var weights = new Weights(new ArrayList<>(), new HashMap<>());
        try {
            for (var file : weightFiles()) {
                var tensors = SafetensorsFile.open(file);
                weights.files.add(tensors);
                for (var info : tensors.tensors()) {
                    var name = plainName(info.name());
                    if (ignored(name)) {
                        continue;
                    }
                    requireShape(file, info, expected.get(name));
                    if (parameters.get(name) != null) {
                        throw new IOException(file + ": tensor " + info.name() + " is there twice");
                    }
                    var dtype = info.shape().size() == 2 ? matrices : DType.F32;
                    parameters.put(name, read(device, tensors, info, dtype));
                    weights.places.put(name, new Place(tensors, info));
                }
            }
            for (var parameter : parameters.entrySet()) {
                if (parameter.getValue() == null) {
                    throw new IOException(path + ": the weights lack tensor " + parameter.getKey() + " of shape "
                            + expected.get(parameter.getKey()));
                }
            }
        } catch (IOException | RuntimeException e) {
            parameters.values().stream().filter(Objects::nonNull).forEach(Tensor::free);
            weights.close();
            throw e;
        }
        return new Decoder(device, config.shape(), dropouts, parameters, weights);
    }

    private record Place(SafetensorsFile file, TensorInfo info) {}

    /** The files, which stay open as long as the decoder, and where in them each parameter lies. */
    private record Weights(List<SafetensorsFile> files, Map<String, Place> places) implements Decoder.Original {
        @Override
        public void restore(String name, Tensor parameter) {
            try {
                var place = places.get(name);
                fill(parameter, place.file, place.info);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        @Override
        public void close() {
            files.forEach(SafetensorsFile::close);
        }
    }

    /** Whether the weights, if they are there, lie in the files as 32-bit numbers. */
    public boolean holdsFloats() throws IOException {
        if (!Files.exists(path.resolve(WEIGHTS)) && !Files.exists(path.resolve(INDEX))) {
            return true;
        }
        for (var path : weightFiles()) {
            try (var file = SafetensorsFile.open(path)) {
                if (file.tensors().stream().filter(info -> !ignored(plainName(info.name())))
                        .anyMatch(info -> !file.holdsFloats(info.name()))) {
                    return false;
                }
            }
        }
        return true;
    }

    /** The name within the decoder: without "transformer.", which files of a bare model lack anyway. */
    static String plainName(String name) {
        return name.startsWith(PREFIX) ? name.substring(PREFIX.length()) : name;
    }

    private boolean ignored(String name) {
        return NO_PARAMETER.matcher(name).matches() || name.equals("lm_head.weight") && config.shape().tied();
    }

    private static void requireShape(Path file, TensorInfo info, Shape expected) throws IOException {
        if (expected == null) {
            throw new IOException(file + ": tensor " + info.name() + " is not a parameter of this kind of model");
        }
        if (!info.engineShape().equals(expected)) {
            throw new IOException(
                    file + ": tensor " + info.name() + " has shape " + info.shape() + ", expected " + expected
                            + " by config.json");
        }
    }

    private static Tensor read(Device device, SafetensorsFile file, TensorInfo info, DType dtype) throws IOException {
        var tensor = Tensor.allocate(device, info.engineShape(), dtype, Purpose.WEIGHTS);
        try {
            fill(tensor, file, info);
        } catch (IOException | RuntimeException e) {
            tensor.free();
            throw e;
        }
        if (dtype != DType.F32) {
            return tensor;
        }
        tensor.train();
        if (file.holdsFloats(info.name())) {
            tensor.data().setOriginal(file.data(info.name()));
        }
        return tensor;
    }

    private static void fill(Tensor tensor, SafetensorsFile file, TensorInfo info) throws IOException {
        var device = tensor.device();
        switch (info.dtype()) {
            case F32 -> convert(device, tensor.data(), DType.F32, file.data(info.name()));
            case BF16 -> convert(device, tensor.data(), DType.BF16, file.data(info.name()));
            case F16 -> convert(device, tensor.data(), DType.F32, MemorySegment.ofArray(file.floats(info.name())));
            default -> throw new IOException(file.path() + ": tensor " + info.name() + " holds " + info.dtype()
                    + ", expected F32, BF16 or F16");
        }
    }

    private static void convert(Device device, Buffer target, DType sourceType, MemorySegment source) {
        if (target.dtype() == sourceType) {
            device.upload(target, source);
            return;
        }
        try (var _ = device.memory().scope()) {
            var raw = device.memory().allocate(sourceType, target.size(), Purpose.WORKSPACE);
            device.upload(raw, source);
            device.copy(target, raw);
        }
    }

    /** Names and shapes of all parameters of a GPT-2 of this shape, in the order of the layers. */
    static Map<String, Shape> expectedShapes(ModelShape shape) {
        int width = shape.width();
        var shapes = new LinkedHashMap<String, Shape>();
        shapes.put("wte.weight", Shape.of(shape.vocabulary(), width));
        shapes.put("wpe.weight", Shape.of(shape.context(), width));
        for (int layer = 0; layer < shape.layers(); layer++) {
            var at = "h." + layer + ".";
            norm(shapes, at + "ln_1", width);
            linear(shapes, at + "attn.c_attn", width, width + 2 * shape.keyValueWidth());
            linear(shapes, at + "attn.c_proj", width, width);
            norm(shapes, at + "ln_2", width);
            linear(shapes, at + "mlp.c_fc", width, shape.inner());
            linear(shapes, at + "mlp.c_proj", shape.inner(), width);
        }
        norm(shapes, "ln_f", width);
        if (!shape.tied()) {
            shapes.put("lm_head.weight", Shape.of(shape.vocabulary(), width));
        }
        return shapes;
    }

    private static void norm(Map<String, Shape> shapes, String name, int width) {
        shapes.put(name + ".weight", Shape.of(width));
        shapes.put(name + ".bias", Shape.of(width));
    }

    private static void linear(Map<String, Shape> shapes, String name, int in, int out) {
        shapes.put(name + ".weight", Shape.of(in, out));
        shapes.put(name + ".bias", Shape.of(out));
    }

    /**
     * Writes a folder that transformers loads, without a tokenizer.
     *
     * @param dtype F32 or BF16
     */
    public static void save(Path path, Decoder decoder, ModelConfig config, DType dtype) throws IOException {
        Files.createDirectories(path);
        writeWeights(path, decoder, dtype);
        write(path.resolve(CONFIG), config.toJson());
    }

    /**
     * Writes a folder like this one: its configuration and all that belongs to its tokenizer, and weights that have changed.
     *
     * @param decoder of this folder's shape
     * @param dtype   F32 or BF16
     */
    public void saveWith(Decoder decoder, Path target, DType dtype) throws IOException {
        Files.createDirectories(target);
        writeWeights(target, decoder, dtype);
        write(target.resolve(CONFIG), ModelConfig.stored(path.resolve(CONFIG), dtype));
        for (var name : BESIDE_WEIGHTS) {
            if (Files.exists(path.resolve(name))) {
                write(target.resolve(name), WholeFile.read(path.resolve(name), MAX_BESIDE_BYTES));
            }
        }
    }

    private static void writeWeights(Path path, Decoder decoder, DType dtype) throws IOException {
        var sources = new ArrayList<SafetensorsWriter.Source>();
        decoder.parameters().forEach((name, tensor) -> {
            var fileName = name.equals("lm_head.weight") ? name : PREFIX + name;
            var type = dtype == DType.BF16 ? SafetensorsType.BF16 : SafetensorsType.F32;
            sources.add(new SafetensorsWriter.Source(new TensorInfo(fileName, type, tensor.shape()),
                    () -> download(tensor, dtype)));
        });
        SafetensorsWriter.write(path.resolve(WEIGHTS), Map.of("format", "pt"), sources);
    }

    private static void write(Path file, String text) throws IOException {
        write(file, text.getBytes(StandardCharsets.UTF_8));
    }

    private static void write(Path file, byte[] bytes) throws IOException {
        AtomicFile.write(file, channel -> channel.write(ByteBuffer.wrap(bytes)));
    }

    private static MemorySegment download(Tensor tensor, DType dtype) {
        var device = tensor.device();
        var host = MemorySegment.ofArray(new byte[Math.toIntExact(tensor.size() * dtype.bytes())]);
        try (var _ = device.memory().scope()) {
            var converted = tensor.data();
            if (tensor.dtype() != dtype) {
                converted = device.memory().allocate(dtype, tensor.size(), Purpose.WORKSPACE);
                device.copy(converted, tensor.data());
            }
            device.download(host, converted);
        }
        return host;
    }
}
