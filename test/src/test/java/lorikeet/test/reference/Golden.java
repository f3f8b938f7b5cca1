package lorikeet.test.reference;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;

/**
 * What Hugging Face PEFT computed for one method on the small base of {@code golden/base}; golden/README.md says how.
 * Names of parameters are those of {@link Method}.
 */
public record Golden(String name, Method... methods) {
    public static final Path FOLDER = Path.of("src/test/resources/golden");

    public static final Golden[] ALL = {
        new Golden("full"),
        new Golden("lora_attn", new Method.Lora(8)),
        new Golden("lora_all_rslora", new Method.Lora(8, Map.of(), true)),
        new Golden("lora_dora", new Method.Lora(8)),
        new Golden("ia3", new Method.Ia3(Set.of("mlp.c_proj"))),
        new Golden("prompt", new Method.Prompt()),
        new Golden("prefix", new Method.Prefix(8)),
        new Golden("prefix_proj", new Method.Prefix(8)),
        new Golden("ptuning_mlp", new Method.PTuning()),
        new Golden("ptuning_lstm", new Method.PTuning())};

    public static GptConfig config() throws IOException {
        return GptConfig.read(FOLDER.resolve("base/config.json"));
    }

    /** The parameters of the base. */
    public static Map<String, double[]> base() throws IOException {
        return SafetensorsReader.read(FOLDER.resolve("base/model.safetensors"));
    }

    /** Three sequences of 24, the second padded, the third with a masked prompt. */
    public static Batch batch() throws IOException {
        var tensors = SafetensorsReader.read(FOLDER.resolve("batch.safetensors"));
        return new Batch(rows(tensors.get("input_ids"), 24), rows(tensors.get("attention_mask"), 24),
                rows(tensors.get("labels"), 24));
    }

    /** Two prompts of eight tokens, from which {@link #generated} goes on. */
    public static int[][] prompts() throws IOException {
        return rows(SafetensorsReader.read(FOLDER.resolve("batch.safetensors")).get("prompt_ids"), 8);
    }

    private static int[][] rows(double[] values, int columns) {
        return IntStream.range(0, values.length / columns)
                .mapToObj(r -> IntStream.range(0, columns).map(c -> (int) values[r * columns + c]).toArray())
                .toArray(int[][]::new);
    }

    public Path folder() {
        return FOLDER.resolve(name);
    }

    public ReferenceDecoder decoder() throws IOException {
        return new ReferenceDecoder(config(), methods);
    }

    /** The trainable parameters before training. */
    public Map<String, double[]> trainable() throws IOException {
        return tensors("params.safetensors");
    }

    /** The base with the trainable parameters over it. */
    public Map<String, double[]> parameters() throws IOException {
        var all = new TreeMap<>(base());
        all.putAll(trainable());
        return all;
    }

    public Map<String, double[]> gradients() throws IOException {
        return tensors("grads.safetensors");
    }

    public Map<String, double[]> trainableAfter20() throws IOException {
        return tensors("params_after20.safetensors");
    }

    /** [3, virtual tokens of a prompt + 24, 257]. */
    public double[] logits() throws IOException {
        return SafetensorsReader.read(folder().resolve("io.safetensors")).get("logits");
    }

    /** In double precision: before each of 20 steps of AdamW and after the last. */
    public double[] losses() throws IOException {
        return numbers(result().get("losses_f64"), values -> values.mapToDouble(JsonNode::doubleValue).toArray());
    }

    /** The two prompts, each with 16 greedy tokens behind it. */
    public int[][] generated() throws IOException {
        return numbers(result().get("generate"), rows -> rows
                .map(row -> numbers(row, ids -> ids.mapToInt(JsonNode::intValue).toArray())).toArray(int[][]::new));
    }

    private JsonNode result() throws IOException {
        return new JsonMapper().readTree(folder().resolve("result.json").toFile());
    }

    private static <T> T numbers(JsonNode array, Function<java.util.stream.Stream<JsonNode>, T> collect) {
        return collect.apply(StreamSupport.stream(array.spliterator(), false));
    }

    /** The tensors of one of the method's files. */
    public Map<String, double[]> tensors(String file) throws IOException {
        var renamed = new TreeMap<String, double[]>();
        SafetensorsReader.read(folder().resolve(file)).forEach((name, values) -> renamed.put(plain(name), values));
        return renamed;
    }

    /** A name as PEFT has it in memory or on disk, without the wrapper and the name of the adapter. */
    public static String plain(String name) {
        return name.replace("base_model.model.", "").replace(".default", "")
                .replace("magnitude_vector.weight", "magnitude_vector");
    }

    @Override
    public String toString() {
        return name;
    }
}
