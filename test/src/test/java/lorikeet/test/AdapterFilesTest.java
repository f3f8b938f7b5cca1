package lorikeet.test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import lorikeet.engine.SafetensorsFile;
import lorikeet.kernels.Device;
import lorikeet.kernels.Devices;
import lorikeet.kernels.Precision;
import lorikeet.peft.AdapterFolder;
import lorikeet.peft.Ia3;
import lorikeet.peft.Lora;
import lorikeet.peft.LoraInit;
import lorikeet.peft.LoraVariant;
import lorikeet.peft.Targets;
import lorikeet.peft.cli.Lorikeet;
import lorikeet.test.reference.Golden;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Configurations of Hugging Face PEFT that the golden folders do not have: its rules for names, and its later releases. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class AdapterFilesTest {
    private static final JsonMapper JSON = new JsonMapper();
    /** What LORA's configuration has today besides the fields of release 0.12, as it is where nothing is asked for. */
    private static final String TODAY = """
            {"alora_invocation_tokens": null, "arrow_config": null, "corda_config": null, "ensure_weight_tying": false,
             "eva_config": null, "exclude_modules": null, "kasa_config": null, "lora_bias": false,
             "lora_ga_config": null, "monteclora_config": null, "peft_version": "0.21.0", "qalora_group_size": 16,
             "target_parameters": null, "trainable_token_indices": null, "use_bdlora": null, "use_qalora": false,
             "velora_config": null}""";

    private final Device device = Devices.open("cpu", Precision.STRICT, 2);
    @TempDir
    private Path shared;
    private Path folder;

    @BeforeEach
    void newFolder() throws IOException {
        folder = Files.createTempDirectory(shared, "adapter");
    }

    @AfterAll
    void close() {
        device.close();
    }

    private static ObjectNode golden(String name) throws IOException {
        return (ObjectNode) JSON
                .readTree(Golden.FOLDER.resolve(name).resolve("adapter/adapter_config.json").toFile());
    }

    private void write(JsonNode config) throws IOException {
        Files.writeString(folder.resolve("adapter_config.json"), config.toString());
    }

    private Lora lora() throws IOException {
        return (Lora) AdapterFolder.readMethod(folder);
    }

    /** The configuration that we write for what this one says. */
    private JsonNode writtenAgain(ObjectNode config) throws IOException {
        write(config);
        try (var subject = Subject.of(device, AdapterFolder.readMethod(folder))) {
            AdapterFolder.save(folder, subject.adapter(), "base");
        }
        return JSON.readTree(folder.resolve("adapter_config.json").toFile());
    }

    // ---- which layers ------------------------------------------------------------------------------------------------

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {"\"all-linear\" | 12", "\".*\\\\.[02]\\\\.mlp\\\\.c_fc\" | 2",
        "\"transformer\\\\.h\\\\.1\\\\..*c_proj\" | 2", "[\"c_proj\"] | 6", "[\"attn.c_proj\", \"h.0.mlp.c_fc\"] | 4"})
    void targetModules(String targets, int layers) throws IOException {
        write(golden("lora_attn").set("target_modules", JSON.readTree(targets)));
        try (var subject = Subject.of(device, lora())) {
            assertThat(subject.adapter().parameters()).hasSize(2 * layers);
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {"0 | 0", "[1, 2] | 12", "[] | 012", "null | 012"})
    void layersToTransform(String numbers, String layers) throws IOException {
        write(golden("lora_attn").put("layers_pattern", "h").set("layers_to_transform", JSON.readTree(numbers)));
        try (var subject = Subject.of(device, lora())) {
            assertThat(subject.adapter().parameters().keySet().stream().map(name -> name.substring(2, 3)).distinct())
                    .containsExactlyElementsOf(List.of(layers.split("")));
        }
    }

    /** PEFT writes "all-linear" as the names that it found. */
    @Test
    void allLinearIsWrittenAsNames() throws IOException {
        var written = writtenAgain(golden("lora_attn").put("target_modules", "all-linear"));
        assertThat(written).isEqualTo(golden("lora_attn").set("target_modules",
                JSON.readTree("[\"c_attn\", \"c_proj\", \"c_fc\"]")));
    }

    /**
     * Release 0.12 knows no layers to exclude, and no numbers of layers beside an expression, which must match full names,
     * "transformer." and all.
     */
    @ParameterizedTest
    @ValueSource(strings = {"{\"target_modules\": \".*c_(fc|proj)\", \"layers_to_transform\": [1]}",
        "{\"target_modules\": [\"c_proj\", \"c_fc\"], \"layers_to_transform\": [1], \"exclude_modules\": [\"c_attn\"]}",
        "{\"target_modules\": \"h.1.*c_(fc|proj)\"}"})
    void exceptionsAreWrittenAsNames(String changed) throws IOException {
        var written = writtenAgain(golden("lora_attn").setAll((ObjectNode) JSON.readTree(changed)));
        assertThat(written).isEqualTo(golden("lora_attn").set("target_modules",
                JSON.readTree("[\"h.1.attn.c_proj\", \"h.1.mlp.c_fc\", \"h.1.mlp.c_proj\"]")));
    }

    /** PEFT finds the layers whose tensors there are: those of which the targets are parts. */
    @ParameterizedTest
    @ValueSource(strings = {"q,v", "c_attn.q,c_attn.v", "q,mlp.c_fc"})
    void partsAreWrittenAsTheirLayers(String names) throws IOException {
        var method = new Lora(2, 4, 0, Targets.of(names.split(",")), LoraVariant.PLAIN.withInit(LoraInit.RANDOM));
        try (var subject = Subject.of(device, method); var decoder = GoldenBase.load(device)) {
            AdapterFolder.save(folder, subject.adapter(), "base");
            assertThat(JSON.readTree(folder.resolve("adapter_config.json").toFile()).get("target_modules"))
                    .first().extracting(JsonNode::textValue).isEqualTo("c_attn");
            var read = AdapterFolder.load(folder, decoder);
            assertThat(Subject.logits(decoder, GoldenBase.batch())).usingComparatorWithPrecision(1e-4f)
                    .containsExactly(subject.logits(GoldenBase.batch()));
            read.detach();
        }
    }

    /** Of patterns the first that matches counts, but a file has them by name. */
    @Test
    void patternsMeanTheSameInAFile() throws IOException {
        write(golden("lora_attn").put("init_lora_weights", false).setAll((ObjectNode) JSON.readTree("""
                {"rank_pattern": {"h.0.attn.c_attn": 2, "c_attn": 3},
                 "alpha_pattern": {"h.[12].attn.c_attn": 5, ".*c_attn": 7}}""")));
        try (var subject = Subject.of(device, lora()); var decoder = GoldenBase.load(device)) {
            AdapterFolder.save(folder, subject.adapter(), "base");
            var read = AdapterFolder.load(folder, decoder);
            assertThat(Subject.logits(decoder, GoldenBase.batch())).isEqualTo(subject.logits(GoldenBase.batch()));
            read.detach();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"lora_attn", "prefix"})
    void filesOfPyTorchAreRefused(String name) throws IOException {
        write(golden(name));
        Files.writeString(folder.resolve("adapter_model.bin"), "PK");
        try (var decoder = GoldenBase.load(device)) {
            assertThatIOException().isThrownBy(() -> AdapterFolder.load(folder, decoder)).withMessageContainingAll(
                    folder.resolve("adapter_model.bin").toString(), "safe_serialization", "adapter_model.safetensors");
        }
    }

    /** An empty list of feed-forward modules is no missing one: then outputs are scaled everywhere. */
    @Test
    void ia3WithoutFeedForwardModules() throws IOException {
        var config = golden("ia3");
        config.putArray("feedforward_modules");
        write(config);
        try (var subject = Subject.of(device, AdapterFolder.readMethod(folder))) {
            assertThat(subject.adapter().storedShape("h.0.mlp.c_proj.ia3_l").toString()).isEqualTo("[48, 1]");
        }
        assertThat(writtenAgain(config)).isEqualTo(config);
        config.remove("feedforward_modules");
        config.remove("target_modules");
        write(config);
        assertThat(AdapterFolder.readMethod(folder)).isEqualTo(Ia3.USUAL);
    }

    /** PEFT refuses feed-forward modules that are not among the names of the targets. */
    @ParameterizedTest
    @ValueSource(strings = {"c_attn", "all-linear", "c_proj", "c_attn,mlp.c_proj", "h.0.mlp.c_proj"})
    void feedForwardModulesAreTargets(String names) throws IOException {
        var method = new Ia3(Targets.of(names.split(",")), Ia3.USUAL.inputs());
        try (var subject = Subject.of(device, method); var decoder = GoldenBase.load(device)) {
            AdapterFolder.save(folder, subject.adapter(), "base");
            var config = JSON.readTree(folder.resolve("adapter_config.json").toFile());
            assertThat(config.get("target_modules")).containsAll(config.get("feedforward_modules"));
            var read = AdapterFolder.load(folder, decoder);
            assertThat(read.parameters().keySet()).isEqualTo(subject.adapter().parameters().keySet());
            for (var name : read.parameters().keySet()) {
                assertThat(read.storedShape(name)).isEqualTo(subject.adapter().storedShape(name));
            }
            read.detach();
        }
    }

    // ---- fields ------------------------------------------------------------------------------------------------------

    @ParameterizedTest
    @ValueSource(strings = {"{\"init_lora_weights\": false}", "{\"init_lora_weights\": \"gaussian\"}",
        "{\"r\": 5, \"lora_alpha\": 2.5, \"lora_dropout\": 0.1}", "{\"bias\": \"lora_only\"}", "{\"bias\": \"all\"}",
        "{\"rank_pattern\": {\"h.0.attn.c_attn\": 2}, \"alpha_pattern\": {\"c_attn\": 3.5}}",
        "{\"layers_to_transform\": [0, 2]}", "{\"use_dora\": true, \"use_rslora\": true}",
        "{\"target_modules\": \".*c_fc\"}"})
    void fieldsAreWrittenAsTheyWere(String changed) throws IOException {
        ObjectNode config = golden("lora_attn").setAll((ObjectNode) JSON.readTree(changed));
        assertThat(writtenAgain(config)).isEqualTo(config);
    }

    @Test
    void todaysFieldsThatAskForNothingAreSilent() throws IOException {
        write(golden("lora_attn").setAll((ObjectNode) JSON.readTree(TODAY)));
        assertThat(VirtualTokensTest.remarks(() -> AdapterFolder.readMethod(folder))).isEmpty();
        write(golden("lora_attn").put("init_lora_weights", "orthogonal"));
        assertThat(lora().variant().init()).isEqualTo(LoraInit.DEFAULT);
    }

    @ParameterizedTest
    @ValueSource(strings = {"alora_invocation_tokens", "layer_replication", "lora_bias", "modules_to_save",
        "target_parameters", "trainable_token_indices", "use_qalora", "velora_config"})
    void otherVariantsAreRefusedByName(String field) throws IOException {
        write(golden("lora_attn").set(field, JSON.readTree(field.contains("_bias") || field.startsWith("use")
                ? "true"
                : "[1]")));
        assertThatIOException().isThrownBy(() -> AdapterFolder.readMethod(folder)).withMessageContaining(field);
    }

    // ---- LoRA+ -------------------------------------------------------------------------------------------------------

    /** Adam's first step is as long as the learning rate: A's is the one given, and B's sixteen times that. */
    @Test
    void loraPlusTeachesBFaster() throws IOException {
        var data = folder.resolve("data.jsonl");
        Files.writeString(data, "{\"input_ids\":[1,2,3,4],\"labels\":[1,2,3,4]}\n");
        var before = tuned(data, 0);
        var after = tuned(data, 1);
        assertThat(after.keySet()).isEqualTo(before.keySet()).hasSize(6);
        after.forEach((name, values) -> {
            double step = IntStream.range(0, values.length).mapToDouble(i -> Math.abs(values[i] - before.get(name)[i]))
                    .max().orElseThrow();
            assertThat(step).as(name).isBetween(name.contains("lora_B") ? 0.0159 : 0.00099,
                    name.contains("lora_B") ? 0.0161 : 0.00101);
        });
    }

    private Map<String, float[]> tuned(Path data, int steps) throws IOException {
        var out = folder.resolve("after-" + steps);
        assertThat(Lorikeet.run("finetune", "--base", GoldenBase.FOLDER.toString(), "--data", data.toString(),
                "--method",
                "lora", "--targets", "c_attn", "--init", "random", "--rate-ratio", "16", "--lr", "1e-3", "--schedule",
                "constant", "--warmup", "0", "--weight-decay", "0", "--grad-clip", "0", "--steps",
                Integer.toString(steps), "--device", "cpu", "--precision", "strict", "--out", out.toString(),
                "--quiet"))
                .isZero();
        var values = new TreeMap<String, float[]>();
        try (var file = SafetensorsFile.open(out.resolve("adapter_model.safetensors"))) {
            for (var info : file.tensors()) {
                values.put(info.name(), file.floats(info.name()));
            }
        }
        return values;
    }

    @Test
    void onlyBHasARateOfItsOwn() {
        var method = PropertyTable.methods().get("LoRA+");
        assertThat(
                List.of(method.rateFactor("h.0.attn.c_attn.lora_A.weight"), method.rateFactor("wte.lora_embedding_B")))
                .containsOnly(1f);
        assertThat(method.rateFactor("h.0.attn.c_attn.lora_B_q.weight")).isEqualTo(16);
    }
}
