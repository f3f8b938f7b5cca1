package lorikeet.test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import lorikeet.engine.Optimizer;
import lorikeet.engine.SafetensorsFile;
import lorikeet.engine.SafetensorsWriter;
import lorikeet.engine.Shape;
import lorikeet.kernels.Device;
import lorikeet.kernels.Devices;
import lorikeet.kernels.Precision;
import lorikeet.kernels.RandomKey;
import lorikeet.model.Decoder;
import lorikeet.model.ModelShape;
import lorikeet.model.Pass;
import lorikeet.model.data.Batch;
import lorikeet.model.data.Example;
import lorikeet.peft.AdapterFolder;
import lorikeet.peft.InitText;
import lorikeet.peft.PTuning;
import lorikeet.peft.PrefixTuning;
import lorikeet.peft.PromptLearning;
import lorikeet.peft.PromptTuning;
import lorikeet.peft.PromptTuning.Init;
import lorikeet.peft.VirtualTokens;
import lorikeet.test.reference.Golden;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Prompt tuning, prefix tuning and P-tuning beyond what golden values and gradients show. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class VirtualTokensTest {
    private static final ModelShape GPT2 = ModelShape.gpt2(50257, 1024, 768, 12, 12);
    private static final InitText TEXT = new InitText("some text", null, List.of(11, 7, 200, 3, 42));
    private static final String WEIGHTS = "adapter_model.safetensors";
    private static final String NETWORK = "reparametrisation.safetensors";

    private final Device cpu = Devices.open("cpu", Precision.STRICT, 2);

    @AfterAll
    void close() {
        cpu.close();
    }

    private static List<PromptLearning> methods() {
        return List.of(new PromptTuning(4, new Init.Vocabulary()), new PrefixTuning(4, false, 0, null),
                new PrefixTuning(4, true, 16, null), new PTuning(4, PTuning.Encoder.MLP, 16, 2, 0),
                new PTuning(4, PTuning.Encoder.LSTM, 12, 2, 0.1f));
    }

    private static List<PromptLearning> reparametrised() {
        return methods().stream().filter(PromptLearning::reparametrised).toList();
    }

    // ---- how many ----------------------------------------------------------------------------------------------------

    @Test
    void countsOnGpt2() {
        assertThat(new PromptTuning(20, new Init.Normal()).trainable(GPT2)).isEqualTo(15_360);
        assertThat(new PrefixTuning(20, false, 0, null).trainable(GPT2)).isEqualTo(368_640);
        assertThat(new PrefixTuning(20, true, 512, null).trainable(GPT2)).isEqualTo(9_864_704);
        assertThat(new PTuning(20, PTuning.Encoder.MLP, 768, 2, 0).trainable(GPT2)).isEqualTo(1_787_136);
        assertThat(new PTuning(20, PTuning.Encoder.LSTM, 0, 2, 0).trainable(GPT2)).isEqualTo(27_174_144);
        assertThat(new PTuning(20, PTuning.Encoder.LSTM, 384, 2, 0).trainable(GPT2)).isEqualTo(8_286_720);
    }

    @ParameterizedTest
    @MethodSource("methods")
    void formulaAndCensusAgree(PromptLearning method) throws IOException {
        try (var subject = Subject.of(cpu, method)) {
            assertThat(subject.adapter().size()).isEqualTo(method.trainable(subject.decoder().shape()));
        }
    }

    // ---- first values ------------------------------------------------------------------------------------------------

    @Test
    void uniformStaysWithinItsBoundsAndFillsThem() throws IOException {
        var values = first(new PromptTuning(40, new Init.Uniform()));
        assertThat(rows(values, 1)).allSatisfy(row -> assertThat(row.getFirst()).isBetween(-0.5f, 0.5f));
        assertThat(deviation(values)).isBetween(0.27, 0.31); // 1/√12 = 0.289
    }

    @Test
    void normalHasDeviationOne() throws IOException {
        assertThat(deviation(first(new PromptTuning(40, new Init.Normal())))).isBetween(0.95, 1.05);
        assertThat(deviation(first(new PrefixTuning(20, false, 0, null)))).isBetween(0.95, 1.05);
    }

    @Test
    void vocabularyIsMadeOfDifferentTokens() throws IOException {
        var embeddings = embeddings();
        var rows = rows(first(new PromptTuning(8, new Init.Vocabulary())), 48);
        assertThat(embeddings).containsAll(rows);
        assertThat(rows.stream().distinct().count()).isGreaterThan(4);
    }

    @Test
    void textIsRepeatedAndCutOff() throws IOException {
        var embeddings = embeddings();
        var rows = rows(first(new PromptTuning(7, new Init.Text(TEXT))), 48);
        assertThat(rows).containsExactly(embeddings.get(11), embeddings.get(7), embeddings.get(200), embeddings.get(3),
                embeddings.get(42), embeddings.get(11), embeddings.get(7));
        assertThat(rows(first(new PromptTuning(2, new Init.Text(TEXT))), 48)).containsExactly(embeddings.get(11),
                embeddings.get(7));
    }

    /** With the keys and values of a text in front, the model goes on as if it had read the text. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void prefixFromTextIsThatText(boolean projected) throws IOException {
        var sequence = GoldenBase.examples().getFirst().ids();
        var text = TEXT.tokens().stream().mapToInt(Integer::intValue).toArray();
        var both = Arrays.copyOf(text, text.length + sequence.length);
        System.arraycopy(sequence, 0, both, text.length, sequence.length);
        try (var subject = Subject.of(cpu, new PrefixTuning(text.length, projected, 32, TEXT));
                var base = GoldenBase.load(cpu)) {
            var read = Subject.logits(base, batch(both));
            var expected = Arrays.copyOfRange(read, text.length * 257, read.length);
            assertThat(largestDifference(subject.logits(batch(sequence)), expected)).isLessThan(1e-5);
        }
    }

    @ParameterizedTest
    @MethodSource("methods")
    void seedDecidesFirstValues(PromptLearning method) throws IOException {
        assertThat(first(method)).isEqualTo(first(method));
        try (var decoder = GoldenBase.load(cpu)) {
            assertThat(method.attach(decoder, 8).vectors()).isNotEqualTo(first(method));
        }
    }

    // ---- attaching, training, detaching ------------------------------------------------------------------------------

    @ParameterizedTest
    @MethodSource("methods")
    void trainsNothingButItself(PromptLearning method) throws IOException {
        try (var decoder = GoldenBase.load(cpu)) {
            var weights = Subject.values(decoder.parameters());
            var logits = Subject.logits(decoder, GoldenBase.batch());
            var subject = new Subject(decoder, method.attach(decoder, 7));
            var before = subject.values();
            assertThat(decoder.virtualTokens()).isEqualTo(4);
            try (var optimizer = subject.adamW(0)) {
                for (int step = 0; step < 3; step++) {
                    train(subject, optimizer);
                }
            }
            assertThat(subject.values()).allSatisfy(
                    (name, values) -> assertThat(values).as(name).isNotEqualTo(before.get(name)));
            assertThat(decoder.parameters().values()).noneMatch(tensor -> tensor.gradient() != null);
            subject.adapter().detach();
            assertThat(decoder.virtualTokens()).isZero();
            assertThat(Subject.logits(decoder, GoldenBase.batch())).isEqualTo(logits);
            assertThat(Subject.values(decoder.parameters())).allSatisfy(
                    (name, values) -> assertThat(values).as(name).isEqualTo(weights.get(name)));
        }
    }

    @ParameterizedTest
    @MethodSource("methods")
    void takenOutAndPutBack(PromptLearning method) throws IOException {
        try (var base = GoldenBase.load(cpu); var subject = Subject.of(cpu, method)) {
            var batch = GoldenBase.batch();
            var logits = subject.logits(batch);
            subject.adapter().unplug();
            assertThat(subject.logits(batch)).isEqualTo(Subject.logits(base, batch));
            var other = method.attach(subject.decoder(), 8);
            assertThatIllegalArgumentException().isThrownBy(subject.adapter()::plug).withMessageContaining("already");
            subject.adapter().unplug(); // which is not the other one's business
            assertThat(subject.decoder().virtualTokens()).isEqualTo(4);
            other.detach();
            subject.adapter().plug();
            subject.adapter().plug();
            assertThat(subject.logits(batch)).isEqualTo(logits);
        }
    }

    @Test
    void dropoutOfTheEncoderIsForTrainingOnly() throws IOException {
        var method = new PTuning(4, PTuning.Encoder.LSTM, 12, 2, 0.5f);
        try (var subject = Subject.of(cpu, method)) {
            float plain = subject.gradients(GoldenBase.batch(), Pass.EVALUATION).loss();
            float dropped = subject.gradients(GoldenBase.batch(), Subject.pass(false)).loss();
            var other = new Pass(true, new RandomKey(4, 0), false);
            assertThat(plain).isEqualTo(subject.gradients(GoldenBase.batch(), Pass.EVALUATION).loss());
            assertThat(dropped).isNotEqualTo(plain)
                    .isEqualTo(subject.gradients(GoldenBase.batch(), Subject.pass(false)).loss())
                    .isNotEqualTo(subject.gradients(GoldenBase.batch(), other).loss());
        }
    }

    @Test
    void refusesWhatDoesNotFit() throws IOException {
        try (var decoder = GoldenBase.load(cpu)) {
            assertThatIllegalArgumentException().isThrownBy(() -> new PromptTuning(0, new Init.Normal()));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new PromptTuning(64, new Init.Normal()).attach(decoder, 1))
                    .withMessageContaining("context of 64");
            var prompt = new PromptTuning(3, new Init.Normal()).attach(decoder, 1);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new PTuning(3, PTuning.Encoder.MLP, 8, 2, 0).attach(decoder, 1))
                    .withMessageContaining("already");
            assertThat(decoder.virtualTokens()).isEqualTo(3);
            var prefix = new PrefixTuning(2, false, 0, null).attach(decoder, 1); // both kinds at once are fine
            assertThat(decoder.virtualTokens()).isEqualTo(5);
            prefix.detach();
            prompt.detach();
            assertThat(decoder.virtualTokens()).isZero();
        }
    }

    // ---- files -------------------------------------------------------------------------------------------------------

    /** Trained, saved, loaded and trained on, all is as if training had never stopped. */
    @ParameterizedTest
    @MethodSource("methods")
    void trainingGoesOnFromTheFiles(PromptLearning method, @TempDir Path folder) throws IOException {
        try (var subject = Subject.of(cpu, method)) {
            try (var optimizer = subject.adamW(0)) {
                train(subject, optimizer);
            }
            AdapterFolder.save(folder, subject.adapter(), "base");
            assertThat(folder.resolve(NETWORK).toFile().exists()).isEqualTo(method.reparametrised());
            try (var decoder = GoldenBase.load(cpu)) {
                var again = new Subject(decoder, AdapterFolder.load(folder, decoder));
                assertThat(again.values().keySet()).isEqualTo(subject.values().keySet());
                try (var one = subject.adamW(0); var other = again.adamW(0)) {
                    for (int step = 0; step < 2; step++) {
                        assertThat(train(again, other)).isEqualTo(train(subject, one));
                    }
                }
                assertThat(again.values()).allSatisfy((name, values) -> assertThat(values).as(name)
                        .isEqualTo(subject.values().get(name)));
            }
        }
    }

    /** As they come from Hugging Face PEFT: the vectors are there, what made them is not. */
    @ParameterizedTest
    @MethodSource("reparametrised")
    void withoutItsNetworkTheVectorsAreTrained(PromptLearning method, @TempDir Path folder) throws IOException {
        try (var subject = Subject.of(cpu, method); var decoder = GoldenBase.load(cpu)) {
            var logits = subject.logits(GoldenBase.batch());
            AdapterFolder.save(folder, subject.adapter(), "base");
            Files.delete(folder.resolve(NETWORK));
            var plain = new Subject(decoder, AdapterFolder.load(folder, decoder));
            assertThat(((VirtualTokens) plain.adapter()).reparametrised()).isFalse();
            assertThat(plain.logits(GoldenBase.batch())).isEqualTo(logits);
            assertThat(plain.adapter().size()).isEqualTo(4L * method.columns(decoder.shape()));
            var before = plain.values();
            try (var optimizer = plain.adamW(0)) {
                train(plain, optimizer);
            }
            assertThat(plain.values()).allSatisfy(
                    (name, values) -> assertThat(values).isNotEqualTo(before.get(name)));
            AdapterFolder.save(folder, plain.adapter(), "base");
            assertThat(folder.resolve(NETWORK)).doesNotExist();
        }
    }

    /** The vectors decide: a network that another program has left behind is not used. */
    @ParameterizedTest
    @MethodSource("reparametrised")
    void aNetworkThatMakesOtherVectorsIsLeftAside(PromptLearning method, @TempDir Path folder) throws IOException {
        try (var subject = Subject.of(cpu, method); var decoder = GoldenBase.load(cpu)) {
            AdapterFolder.save(folder, subject.adapter(), "base");
            var others = ((VirtualTokens) subject.adapter()).vectors();
            others[5] += 1;
            write(folder, "prompt_embeddings", Shape.of(4, others.length / 4), others);
            var loaded = (VirtualTokens) AdapterFolder.load(folder, decoder);
            assertThat(loaded.reparametrised()).isFalse();
            assertThat(loaded.vectors()).isEqualTo(others);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"prompt", "prefix", "ptuning_mlp"})
    void tensorsThatDoNotBelongAreNamed(String name, @TempDir Path folder) throws IOException {
        copy(name, folder);
        try (var decoder = GoldenBase.load(cpu)) {
            int columns = name.equals("prefix") ? 288 : 48;
            write(folder, "prompt_embeddings", Shape.of(8, columns - 1), new float[8 * (columns - 1)]);
            refuses(decoder, folder, "prompt_embeddings", "[8, " + (columns - 1) + "]");
            write(folder, "prompt_embedding", Shape.of(8, columns), new float[8 * columns]);
            refuses(decoder, folder, "prompt_embedding");
            SafetensorsWriter.write(folder.resolve(WEIGHTS), Map.of(), List.of());
            refuses(decoder, folder, "prompt_embeddings", "missing");
        }
    }

    @Test
    void aDamagedNetworkIsNamed(@TempDir Path folder) throws IOException {
        try (var subject = Subject.of(cpu, new PTuning(4, PTuning.Encoder.MLP, 16, 2, 0));
                var decoder = GoldenBase.load(cpu)) {
            AdapterFolder.save(folder, subject.adapter(), "base");
            var network = folder.resolve(NETWORK);
            var sources = new ArrayList<SafetensorsWriter.Source>();
            try (var file = SafetensorsFile.open(network)) {
                file.tensors().stream().filter(info -> !info.name().endsWith("mlp_head.4.bias")).forEach(info -> sources
                        .add(SafetensorsWriter.Source.of(info.name(), info.engineShape(), file.floats(info.name()))));
            }
            SafetensorsWriter.write(network, Map.of(), sources);
            refuses(decoder, folder, NETWORK, "prompt_encoder.mlp_head.4.bias");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"token_dim", "num_layers", "num_attention_heads", "num_transformer_submodules"})
    void anotherBaseIsRefused(String field, @TempDir Path folder) throws IOException {
        for (var name : List.of("prompt", "prefix", "ptuning_mlp")) {
            copy(name, folder);
            var config = folder.resolve("adapter_config.json");
            Files.writeString(config, Files.readString(config).replaceAll("\"" + field + "\": \\d+",
                    "\"" + field + "\": 5"));
            try (var decoder = GoldenBase.load(cpu)) {
                refuses(decoder, folder, field);
            }
        }
    }

    /** Every field that Hugging Face PEFT 0.12 writes is known; one that it does not is warned of. */
    @ParameterizedTest
    @ValueSource(strings = {"prompt", "prefix", "prefix_proj", "ptuning_mlp", "ptuning_lstm"})
    void unknownFieldsAreWarnedOf(String name, @TempDir Path folder) throws IOException {
        copy(name, folder);
        assertThat(remarks(() -> AdapterFolder.readMethod(folder))).isEmpty();
        var config = folder.resolve("adapter_config.json");
        Files.writeString(config, Files.readString(config).replaceFirst("\\{", "{\"from_the_future\": 1,"));
        assertThat(remarks(() -> AdapterFolder.readMethod(folder))).contains("from_the_future").hasLineCount(1);
    }

    interface Reading {
        void run() throws IOException;
    }

    /** What is logged meanwhile. */
    static String remarks(Reading reading) throws IOException {
        var before = System.err;
        var captured = new ByteArrayOutputStream();
        System.setErr(new PrintStream(captured, true, StandardCharsets.UTF_8));
        try {
            reading.run();
        } finally {
            System.setErr(before);
        }
        return captured.toString(StandardCharsets.UTF_8);
    }

    @Test
    void aTextSurvivesItsFiles(@TempDir Path folder) throws IOException {
        try (var subject = Subject.of(cpu, new PromptTuning(3, new Init.Text(TEXT)));
                var decoder = GoldenBase.load(cpu)) {
            AdapterFolder.save(folder, subject.adapter(), "some/base");
            assertThat(folder.resolve("adapter_config.json")).content().contains("\"prompt_tuning_init\": \"TEXT\"",
                    "\"prompt_tuning_init_text\": \"some text\"", "\"tokenizer_name_or_path\": \"some/base\"");
            AdapterFolder.save(folder, AdapterFolder.load(folder, decoder), "elsewhere");
            assertThat(folder.resolve("adapter_config.json")).content()
                    .contains("\"prompt_tuning_init_text\": \"some text\"",
                            "\"tokenizer_name_or_path\": \"some/base\"");
        }
    }

    private static void refuses(Decoder decoder, Path folder, String... named) {
        assertThatIOException().isThrownBy(() -> AdapterFolder.load(folder, decoder))
                .satisfies(refusal -> assertThat(refusal.getMessage()).contains(named));
        assertThat(decoder.virtualTokens()).isZero();
    }

    private static void copy(String name, Path folder) throws IOException {
        try (var files = Files.list(Golden.FOLDER.resolve(name).resolve("adapter"))) {
            for (var file : files.toList()) {
                Files.write(folder.resolve(file.getFileName()), Files.readAllBytes(file));
            }
        }
    }

    private static void write(Path folder, String name, Shape shape, float[] values) throws IOException {
        SafetensorsWriter.write(folder.resolve(WEIGHTS), Map.of(),
                List.of(SafetensorsWriter.Source.of(name, shape, values)));
    }

    // ---- helpers -----------------------------------------------------------------------------------------------------

    /** One step; the loss before it. */
    private static float train(Subject subject, Optimizer optimizer) throws IOException {
        var batch = GoldenBase.batch();
        try (var _ = subject.device().memory().scope()) {
            float factor = 1f / batch.labelCount(subject.decoder().promptLength());
            var pass = new Pass(true, new RandomKey(3, optimizer.steps()), false);
            var loss = subject.decoder().loss(batch.sequences(), batch.labels(), factor, pass);
            loss.backward();
            return optimizer.step(loss, 1e-2f, 0).loss();
        }
    }

    private float[] first(PromptLearning method) throws IOException {
        try (var subject = Subject.of(cpu, method)) {
            return ((VirtualTokens) subject.adapter()).vectors();
        }
    }

    private List<List<Float>> embeddings() throws IOException {
        try (var decoder = GoldenBase.load(cpu)) {
            return rows(decoder.tokenEmbedding().toArray(), 48);
        }
    }

    private static List<List<Float>> rows(float[] values, int columns) {
        return IntStream.range(0, values.length / columns).mapToObj(row -> IntStream.range(0, columns)
                .mapToObj(column -> values[row * columns + column]).toList()).toList();
    }

    private static Batch batch(int[] ids) {
        return Batch.of(List.of(new Example(ids, ids)));
    }

    private static double deviation(float[] values) {
        return Math.sqrt(IntStream.range(0, values.length).mapToDouble(i -> values[i] * values[i]).average()
                .orElseThrow());
    }

    private static double largestDifference(float[] actual, float[] expected) {
        assertThat(actual).hasSameSizeAs(expected);
        return IntStream.range(0, actual.length).mapToDouble(i -> Math.abs(actual[i] - expected[i])).max()
                .orElseThrow();
    }
}
