package lorikeet.test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import lorikeet.engine.SafetensorsFile;
import lorikeet.engine.SafetensorsType;
import lorikeet.engine.SafetensorsWriter;
import lorikeet.engine.Shape;
import lorikeet.engine.TensorInfo;
import lorikeet.kernels.DType;
import lorikeet.kernels.Device;
import lorikeet.kernels.Devices;
import lorikeet.kernels.Precision;
import lorikeet.model.Decoder;
import lorikeet.model.Dropouts;
import lorikeet.model.ModelConfig;
import lorikeet.model.ModelFolder;
import lorikeet.model.data.Example;
import lorikeet.model.data.Sequences;
import lorikeet.test.reference.Activation;
import lorikeet.test.reference.Batch;
import lorikeet.test.reference.GptConfig;
import lorikeet.test.reference.RandomWeights;
import lorikeet.test.reference.ReferenceDecoder;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Folders in Hugging Face's layout: whatever config.json says is computed or refused, and files come back as they were. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ModelFolderTest {
    private static final JsonMapper JSON = new JsonMapper();
    private static final String WEIGHTS = "model.safetensors";
    private static final String INDEX = "model.safetensors.index.json";
    private static final GptConfig GPT2 = GptConfig.gpt2(23, 16, 12, 2, 3);
    private static final int[][] IDS = {{3, 1, 4, 1, 5, 9, 2, 6, 22, 0}, {5, 3, 5, 8, 9, 7, 9, 3, 2, 3}};

    @TempDir
    private Path folder;
    private final Device device = Devices.open("cpu", Precision.STRICT, 2);

    @AfterAll
    void everythingIsFreedInTheEnd() {
        assertThat(device.memory().ledger().current()).isZero();
        device.close();
    }

    // ---- making folders ----------------------------------------------------------------------------------------------

    private static ObjectNode json(GptConfig config) {
        return JSON.createObjectNode().put("model_type", "gpt2").put("vocab_size", config.vocabulary())
                .put("n_positions", config.positions()).put("n_embd", config.width()).put("n_layer", config.layers())
                .put("n_head", config.heads()).put("layer_norm_epsilon", config.epsilon())
                .put("embd_pdrop", 0.0).put("attn_pdrop", 0.0).put("resid_pdrop", 0.0);
    }

    private static Shape shape(String name, GptConfig config) {
        int width = config.width();
        return switch (name.replaceAll(".*\\.(?=\\w+\\.\\w+$)", "")) {
            case "wte.weight", "lm_head.weight" -> Shape.of(config.vocabulary(), width);
            case "wpe.weight" -> Shape.of(config.positions(), width);
            case "c_attn.weight" -> Shape.of(width, 3 * width);
            case "c_attn.bias" -> Shape.of(3 * width);
            case "c_fc.weight" -> Shape.of(width, config.inner());
            case "c_fc.bias" -> Shape.of(config.inner());
            case "c_proj.weight" -> Shape.of(name.contains("mlp") ? config.inner() : width, width);
            default -> Shape.of(width);
        };
    }

    private static SafetensorsWriter.Source source(String name, GptConfig config, double[] values) {
        var narrow = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            narrow[i] = (float) values[i];
        }
        return SafetensorsWriter.Source.of(name, shape(name, config), narrow);
    }

    private Map<String, SafetensorsWriter.Source> sources(GptConfig config, Map<String, double[]> weights) {
        var sources = new TreeMap<String, SafetensorsWriter.Source>();
        weights.forEach((name, values) -> sources.put(name, source(name, config, values)));
        return sources;
    }

    private Map<String, SafetensorsWriter.Source> sources() {
        return sources(GPT2, new RandomWeights(GPT2, 1).base().take());
    }

    private void write(String file, Map<String, SafetensorsWriter.Source> sources) throws IOException {
        SafetensorsWriter.write(folder.resolve(file), Map.of("format", "pt"), sources.values());
    }

    private void write(JsonNode json) throws IOException {
        JSON.writeValue(folder.resolve("config.json").toFile(), json);
    }

    private Decoder load() throws IOException {
        return ModelFolder.open(folder).load(device, DType.F32, Dropouts.NONE);
    }

    private static float[] logits(Decoder decoder) {
        var examples = Arrays.stream(IDS).map(ids -> new Example(ids, ids)).toList();
        return Subject.logits(decoder, lorikeet.model.data.Batch.of(examples));
    }

    /** Logits of a folder with these weights equal those of the reference in double. */
    private void requireReference(GptConfig config, JsonNode json) throws IOException {
        var weights = new RandomWeights(config, 1).base().take();
        write(json);
        write(WEIGHTS, sources(config, weights));
        var ones = new int[IDS.length][IDS[0].length];
        for (var row : ones) {
            Arrays.fill(row, 1);
        }
        var expected = new ReferenceDecoder(config).logits(weights, new Batch(IDS, ones, IDS));
        try (var decoder = load()) {
            var actual = logits(decoder);
            assertThat(actual).hasSize(expected.length);
            double largest = Arrays.stream(expected).map(Math::abs).max().orElseThrow();
            assertThat(IntStream.range(0, actual.length).mapToDouble(i -> Math.abs(actual[i] - expected[i]))
                    .reduce(0, Math::max)).isLessThan(1e-5 * largest);
        }
    }

    // ---- fields that are honoured ------------------------------------------------------------------------------------

    @Test
    void theDefaultsAreThoseOfGpt2() throws IOException {
        requireReference(GPT2, json(GPT2));
        var nothing = JSON.createObjectNode();
        write(nothing);
        var config = ModelConfig.read(folder.resolve("config.json"));
        assertThat(config.shape().parameters()).isEqualTo(124_439_808);
        assertThat(config.shape().context()).isEqualTo(1024);
        assertThat(config.dropouts()).isEqualTo(new Dropouts(0.1f, 0.1f, 0.1f));
        assertThat(config.endOfText()).isEqualTo(50256);
        write(nothing.put("vocab_size", 50304)); // padded; the tokenizer is GPT-2's all the same
        assertThat(ModelConfig.read(folder.resolve("config.json")).endOfText()).isEqualTo(50256);
    }

    @ParameterizedTest
    @CsvSource({"gelu_new, GELU_NEW", "gelu_pytorch_tanh, GELU_NEW", "gelu, GELU", "relu, RELU", "silu, SILU",
        "swish, SILU", "tanh, TANH"})
    void activationFunction(String name, Activation activation) throws IOException {
        requireReference(GPT2.withActivation(activation), json(GPT2).put("activation_function", name));
    }

    private static GptConfig with(int inner, double epsilon, boolean scaleByHeadSize, boolean scaleByLayer,
            boolean tied) {
        return new GptConfig(23, 16, 12, 2, 3, inner, epsilon, Activation.GELU_NEW, scaleByHeadSize, scaleByLayer,
                tied);
    }

    @Test
    void innerWidth() throws IOException {
        requireReference(with(20, 1e-5, true, false, true), json(GPT2).put("n_inner", 20));
        requireReference(GPT2, json(GPT2).putNull("n_inner"));
    }

    @Test
    void layerNormEpsilon() throws IOException {
        requireReference(with(48, 0.1, true, false, true), json(GPT2).put("layer_norm_epsilon", 0.1));
    }

    @Test
    void scaledAttentionScores() throws IOException {
        requireReference(with(48, 1e-5, false, false, true), json(GPT2).put("scale_attn_weights", false));
        requireReference(with(48, 1e-5, true, true, true), json(GPT2).put("scale_attn_by_inverse_layer_idx", true));
        requireReference(with(48, 1e-5, false, true, true), json(GPT2).put("scale_attn_by_inverse_layer_idx", true)
                .put("scale_attn_weights", false));
    }

    @Test
    void untiedOutputLayer() throws IOException {
        requireReference(GPT2.withUntiedHead(), json(GPT2).put("tie_word_embeddings", false));
        try (var decoder = load()) {
            assertThat(decoder.parameters()).containsKey("lm_head.weight").hasSize(29);
            assertThat(decoder.shape().parameters()).isEqualTo(decoder.parameters().values().stream()
                    .mapToLong(tensor -> tensor.size()).sum());
        }
    }

    @Test
    void contextIsTheMostTokensThereCanBe() throws IOException {
        write(json(GPT2));
        write(WEIGHTS, sources());
        try (var decoder = load()) {
            var ids = new int[17];
            Subject.logits(decoder, batch(Arrays.copyOf(ids, 16)));
            assertThatThrownBy(() -> Subject.logits(decoder, batch(ids))).hasMessageContaining("n_positions")
                    .hasMessageContaining("16");
            assertThatThrownBy(() -> Subject.logits(decoder, batch(23))).hasMessageContaining("23");
        }
    }

    private static lorikeet.model.data.Batch batch(int... ids) {
        return new lorikeet.model.data.Batch(Sequences.of(List.of(ids)), ids);
    }

    @Test
    void dropoutsAndEndOfText() throws IOException {
        write(json(GPT2).put("embd_pdrop", 0.25).put("attn_pdrop", 0.5).put("resid_pdrop", 0.125)
                .put("eos_token_id", 3));
        var config = ModelFolder.open(folder).config();
        assertThat(config.dropouts()).isEqualTo(new Dropouts(0.25f, 0.5f, 0.125f));
        assertThat(config.endOfText()).isEqualTo(3);
    }

    // ---- fields that are refused -------------------------------------------------------------------------------------

    @ParameterizedTest
    @ValueSource(strings = {"model_type=\"bert\"", "add_cross_attention=true", "is_encoder_decoder=true",
        "quantization_config={\"bits\":4}", "pruned_heads={\"0\":[1]}", "activation_function=\"quick_gelu\"",
        "n_head=5", "n_layer=0", "n_embd=\"48\"", "n_inner=-1", "n_positions=1.5", "vocab_size=[5]",
        "eos_token_id=99", "eos_token_id=\"end\"", "attn_pdrop=1", "resid_pdrop=-0.1", "layer_norm_epsilon=-1",
        "layer_norm_epsilon=\"small\"", "scale_attn_weights=\"yes\"", "tie_word_embeddings=1"})
    void whatCannotBeHonouredIsRefusedByName(String change) throws IOException {
        int equals = change.indexOf('=');
        var field = change.substring(0, equals);
        write(json(GPT2).set(field, JSON.readTree(change.substring(equals + 1))));
        assertThatThrownBy(() -> ModelFolder.open(folder)).isInstanceOf(IOException.class).message()
                .contains("config.json", "\"" + field + "\"").hasLineCount(1);
    }

    @Test
    void whatIsMissingIsSaidToBeMissing() throws IOException {
        write(JSON.createObjectNode().put("model_type", "llama"));
        assertThatThrownBy(() -> ModelFolder.open(folder))
                .hasMessageEndingWith("field \"hidden_size\" is missing: expected a whole number of at least 1");
    }

    // ---- layouts that are read ---------------------------------------------------------------------------------------

    private static Map<String, SafetensorsWriter.Source> renamed(Map<String, SafetensorsWriter.Source> sources,
            String from, String to) {
        var renamed = new TreeMap<String, SafetensorsWriter.Source>();
        sources.forEach((name, source) -> renamed.put(name.replace(from, to), new SafetensorsWriter.Source(
                new TensorInfo(name.replace(from, to), source.info().dtype(), source.info().engineShape()),
                source.data())));
        return renamed;
    }

    private static <T> Map<String, T> only(Map<String, T> all, Predicate<String> which) {
        var some = new TreeMap<>(all);
        some.keySet().removeIf(which.negate());
        return some;
    }

    @Test
    void bareModelsShardsAndOldConstantsAreTheSameModel() throws IOException {
        var sources = sources();
        write(json(GPT2));
        write(WEIGHTS, sources);
        float[] expected;
        try (var decoder = load()) {
            expected = logits(decoder);
        }

        var bare = renamed(sources, "transformer.", "");
        bare.put("h.0.attn.bias", new SafetensorsWriter.Source(new TensorInfo("h.0.attn.bias", SafetensorsType.BOOL,
                Shape.of(1, 1, 16, 16)), () -> MemorySegment.ofArray(new byte[256])));
        bare.put("h.1.attn.masked_bias",
                SafetensorsWriter.Source.of("h.1.attn.masked_bias", Shape.scalar(), new float[1]));
        bare.put("lm_head.weight", SafetensorsWriter.Source.of("lm_head.weight", Shape.of(23, 12), new float[276]));
        write(WEIGHTS, bare);
        requireLogits(expected);
        assertThat(ModelFolder.open(folder).holdsFloats()).isTrue();

        Files.delete(folder.resolve(WEIGHTS));
        var index = JSON.createObjectNode();
        for (int i = 0; i < 3; i++) {
            int shard = i;
            var name = "model-0000" + (i + 1) + "-of-00003.safetensors";
            var part = only(sources, tensor -> Math.floorMod(tensor.hashCode(), 3) == shard);
            assertThat(part).isNotEmpty();
            write(name, part);
            part.keySet().forEach(tensor -> index.withObject("/weight_map").put(tensor, name));
        }
        JSON.writeValue(folder.resolve(INDEX).toFile(), index);
        requireLogits(expected);
    }

    /** The folder in which a command runs has no name in its own path. */
    @Test
    void shardsAreFoundInTheCurrentFolder() throws Exception {
        write(json(GPT2));
        write("a.safetensors", sources());
        Files.writeString(folder.resolve(INDEX), "{\"weight_map\":{\"wte.weight\":\"a.safetensors\"}}");
        Files.writeString(folder.resolve("batch.jsonl"), "{\"input_ids\":[1,2],\"labels\":[1,2]}");
        var process = OtherProcess.of("logits", "--base", ".", "--batch", "batch.jsonl", "--out", "logits.safetensors")
                .directory(folder.toFile()).redirectErrorStream(true).start();
        var said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(said).isZero();
    }

    private void requireLogits(float[] expected) throws IOException {
        try (var decoder = load()) {
            assertThat(logits(decoder)).isEqualTo(expected);
        }
    }

    @Test
    void halfPrecisionFilesAreWidened() throws IOException {
        write(json(GPT2));
        var rounded = new TreeMap<String, SafetensorsWriter.Source>();
        var half = new TreeMap<String, SafetensorsWriter.Source>();
        new RandomWeights(GPT2, 1).base().take().forEach((name, values) -> {
            var exact = Arrays.stream(values).map(value -> Math.rint(value * 64) / 64).toArray(); // fits 8 bits
            rounded.put(name, source(name, GPT2, exact));
            boolean bf16 = name.hashCode() % 2 == 0;
            var bits = new short[exact.length];
            for (int i = 0; i < bits.length; i++) {
                bits[i] = bf16
                        ? (short) (Float.floatToRawIntBits((float) exact[i]) >>> 16)
                        : Float.floatToFloat16((float) exact[i]);
            }
            var type = bf16 ? SafetensorsType.BF16 : SafetensorsType.F16;
            half.put(name, new SafetensorsWriter.Source(new TensorInfo(name, type, shape(name, GPT2)),
                    () -> MemorySegment.ofArray(bits)));
        });
        write(WEIGHTS, rounded);
        float[] expected;
        try (var decoder = load()) {
            expected = logits(decoder);
        }
        write(WEIGHTS, half);
        assertThat(Files.size(folder.resolve(WEIGHTS))).isLessThan(20_000);
        requireLogits(expected);
    }

    // ---- writing -----------------------------------------------------------------------------------------------------

    @Test
    void aFolderIsWrittenAgainByteForByte() throws IOException {
        var golden = ModelFolder.open(GoldenBase.FOLDER);
        try (var decoder = GoldenBase.load(device)) {
            ModelFolder.save(folder, decoder, golden.config(), DType.F32);
        }
        assertThat(folder.resolve(WEIGHTS)).hasSameBinaryContentAs(GoldenBase.FOLDER.resolve(WEIGHTS));
        var written = JSON.readTree(folder.resolve("config.json").toFile());
        var original = JSON.readTree(GoldenBase.FOLDER.resolve("config.json").toFile());
        written.fieldNames().forEachRemaining(field -> {
            if (original.has(field) && !List.of("initializer_range", "n_inner").contains(field)) {
                assertThat(written.get(field)).as(field).isEqualTo(original.get(field));
            }
        });
        assertThat(written.get("n_inner").intValue()).isEqualTo(192);
        assertThat(ModelFolder.open(folder).config()).isEqualTo(golden.config());
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void everyFieldComesBackFromAWrittenFolder(boolean tied) throws IOException {
        var config = new GptConfig(23, 16, 12, 2, 3, 20, 0.1, Activation.RELU, false, true, tied);
        write(json(config).put("n_inner", 20).put("activation_function", "relu").put("scale_attn_weights", false)
                .put("scale_attn_by_inverse_layer_idx", true).put("tie_word_embeddings", tied)
                .put("attn_pdrop", 0.5).put("eos_token_id", 7));
        write(WEIGHTS, sources(config, new RandomWeights(config, 1).base().take()));
        var other = folder.resolve("other");
        var read = ModelFolder.open(folder).config();
        try (var decoder = load()) {
            ModelFolder.save(other, decoder, read, DType.F32);
        }
        assertThat(ModelFolder.open(other).config()).isEqualTo(read);
        assertThat(other.resolve(WEIGHTS)).hasSameBinaryContentAs(folder.resolve(WEIGHTS));
    }

    /** Fields that mean nothing here, and files that others read, go along; only the kind of number is said anew. */
    @ParameterizedTest
    @EnumSource(names = {"F32", "BF16"})
    void aChangedModelKeepsWhatItsFolderSaysBesides(DType dtype) throws IOException {
        var said = json(GPT2).put("bos_token_id", 3).put("torch_dtype", "float16").put("task_specific_params", "any");
        said.putArray("eos_token_id").add(5).add(6);
        write(said);
        write(WEIGHTS, sources());
        for (var file : List.of("tokenizer.json", "tokenizer_config.json", "merges.txt", "chat_template.jinja")) {
            Files.writeString(folder.resolve(file), file);
        }
        var other = folder.resolve("other");
        try (var decoder = load()) {
            ModelFolder.open(folder).saveWith(decoder, other, dtype);
        }
        assertThat(JSON.readTree(other.resolve("config.json").toFile()))
                .isEqualTo(said.put("torch_dtype", dtype == DType.F32 ? "float32" : "bfloat16"));
        try (var files = Files.list(other)) {
            assertThat(files.map(file -> file.getFileName().toString())).containsExactlyInAnyOrder("config.json",
                    "model.safetensors", "tokenizer.json", "tokenizer_config.json", "merges.txt",
                    "chat_template.jinja");
        }
        assertThat(other.resolve("merges.txt")).hasContent("merges.txt");
    }

    @Test
    void halfTheBytesInBf16() throws IOException {
        try (var decoder = GoldenBase.load(device)) {
            ModelFolder.save(folder, decoder, ModelFolder.open(GoldenBase.FOLDER).config(), DType.BF16);
            try (var narrow = SafetensorsFile.open(folder.resolve(WEIGHTS))) {
                assertThat(narrow.tensors()).hasSize(40).allMatch(info -> info.dtype() == SafetensorsType.BF16);
                decoder.parameters().forEach((name, tensor) -> {
                    var exact = tensor.toArray();
                    var rounded = narrow.floats(name.equals("lm_head.weight") ? name : "transformer." + name);
                    for (int i = 0; i < exact.length; i++) {
                        assertThat(rounded[i]).isBetween(exact[i] - Math.abs(exact[i]) / 256,
                                exact[i] + Math.abs(exact[i]) / 256);
                    }
                });
            }
        }
        try (var loaded = ModelFolder.open(folder).load(device, DType.BF16, Dropouts.NONE)) {
            assertThat(loaded.parameters().get("h.0.attn.c_attn.weight").dtype()).isEqualTo(DType.BF16);
            assertThat(loaded.parameters().get("h.0.attn.c_attn.bias").dtype()).isEqualTo(DType.F32);
            var again = folder.resolve("again");
            ModelFolder.save(again, loaded, ModelFolder.open(folder).config(), DType.BF16);
            assertThat(again.resolve(WEIGHTS)).hasSameBinaryContentAs(folder.resolve(WEIGHTS));
        }
    }

    @Test
    void aChangedParameterComesBackFromTheFile() throws IOException {
        try (var decoder = GoldenBase.load(device)) {
            var weight = decoder.parameters().get("h.1.mlp.c_fc.weight");
            var before = weight.toArray();
            device.fill(weight.data(), 3);
            decoder.restore("h.1.mlp.c_fc.weight");
            assertThat(weight.toArray()).isEqualTo(before);
        }
    }

    @Test
    void aDecoderTakesItsChangesAlongAndClosesOnce() throws IOException {
        var decoder = GoldenBase.load(device);
        var weight = decoder.linears().getFirst().weight();
        decoder.changes().apply(this, weight, tensor -> device.scale(tensor.data(), tensor.data(), 2, false));
        assertThat(decoder.changes().changed(weight)).isTrue();
        decoder.close();
        assertThat(decoder.changes().changed(weight)).isFalse();
        decoder.close();
    }

    // ---- bad folders -------------------------------------------------------------------------------------------------

    private void requireRefused(String... words) {
        assertThatThrownBy(this::load).isInstanceOf(IOException.class).message().contains(words).hasLineCount(1);
        assertThat(device.memory().ledger().current()).isZero();
    }

    @Test
    void weightsThatDoNotFitAreRefusedByFileAndTensor() throws IOException {
        write(json(GPT2));
        var name = "transformer.h.1.mlp.c_fc.weight";

        var missing = sources();
        missing.remove(name);
        write(WEIGHTS, missing);
        requireRefused(folder.toString(), "h.1.mlp.c_fc.weight", "[12, 48]");

        var another = sources();
        another.put("x", SafetensorsWriter.Source.of("transformer.h.2.ln_1.bias", Shape.of(12), new float[12]));
        write(WEIGHTS, another);
        requireRefused(WEIGHTS, "transformer.h.2.ln_1.bias");

        var transposed = sources();
        transposed.put(name, SafetensorsWriter.Source.of(name, Shape.of(48, 12), new float[576]));
        write(WEIGHTS, transposed);
        requireRefused(WEIGHTS, name, "[48, 12]", "[12, 48]");

        var integers = sources();
        integers.put(name, SafetensorsWriter.Source.of(name, Shape.of(12, 48), new long[576]));
        write(WEIGHTS, integers);
        requireRefused(WEIGHTS, name, "I64");

        var twice = sources();
        twice.put("x", SafetensorsWriter.Source.of("h.0.ln_1.bias", Shape.of(12), new float[12]));
        write(WEIGHTS, twice);
        requireRefused(WEIGHTS, "h.0.ln_1.bias", "twice");

        write(WEIGHTS, sources());
        var bytes = Files.readAllBytes(folder.resolve(WEIGHTS));
        Files.write(folder.resolve(WEIGHTS), Arrays.copyOf(bytes, bytes.length - 8));
        requireRefused(WEIGHTS);
        Files.write(folder.resolve(WEIGHTS), new byte[0]);
        requireRefused(WEIGHTS);
    }

    @Test
    void badIndexesAreRefused() throws IOException {
        write(json(GPT2));
        requireRefused(folder.toString(), WEIGHTS, INDEX);
        Files.writeString(folder.resolve("pytorch_model.bin"), "");
        requireRefused("pytorch_model.bin", "safe_serialization");

        for (var bad : List.of("{", "{}", "{\"weight_map\":{\"wte.weight\":\"../other.safetensors\"}}",
                "{\"weight_map\":{\"wte.weight\":3}}", "{\"weight_map\":{\"wte.weight\":\"\"}}")) {
            Files.writeString(folder.resolve(INDEX), bad);
            requireRefused(folder.toString());
        }
        Files.writeString(folder.resolve(INDEX), "{\"weight_map\":{\"wte.weight\":\"lost.safetensors\"}}");
        requireRefused("lost.safetensors");
    }

    @Test
    void badConfigurationsAreRefused() throws IOException {
        assertThatThrownBy(() -> ModelFolder.open(folder.resolve("nowhere"))).isInstanceOf(IOException.class)
                .hasMessageContaining("nowhere");
        assertThatThrownBy(() -> ModelFolder.open(folder)).hasMessageContaining("config.json");
        for (var bad : List.of("", "{", "[]", "null", "3", "{\"n_layer\": 1, }")) {
            Files.writeString(folder.resolve("config.json"), bad);
            assertThatThrownBy(() -> ModelFolder.open(folder)).as(bad).isInstanceOf(IOException.class).message()
                    .contains("config.json").hasLineCount(1);
        }
    }
}
