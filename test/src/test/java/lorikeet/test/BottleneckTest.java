package lorikeet.test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import lorikeet.engine.SafetensorsFile;
import lorikeet.engine.SafetensorsWriter;
import lorikeet.engine.Shape;
import lorikeet.kernels.Device;
import lorikeet.kernels.Devices;
import lorikeet.kernels.Precision;
import lorikeet.kernels.Unary;
import lorikeet.model.Generation;
import lorikeet.model.ModelShape;
import lorikeet.model.Sampling;
import lorikeet.model.data.Batch;
import lorikeet.model.data.Example;
import lorikeet.peft.AdapterFolder;
import lorikeet.peft.Bottleneck;
import lorikeet.peft.Bottleneck.Init;
import lorikeet.peft.Bottleneck.Place;
import lorikeet.peft.ParallelAdapter;
import lorikeet.peft.SeriesAdapter;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Series and parallel adapters beyond what gradients show. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class BottleneckTest {
    private static final Set<Place> BOTH = EnumSet.allOf(Place.class);
    private static final String WEIGHTS = "adapter.safetensors";

    private final Device cpu = Devices.open("cpu", Precision.STRICT, 2);

    @AfterAll
    void close() {
        cpu.close();
    }

    private static List<Bottleneck> methods() {
        return List.of(new SeriesAdapter(7, Unary.GELU_TANH, 1, BOTH, true, Init.NEAR_IDENTITY),
                new SeriesAdapter(16, Unary.TANH, 0.5f, Set.of(Place.MLP), false, Init.IDENTITY),
                new ParallelAdapter(5, Unary.RELU, 4, BOTH, true, Init.IDENTITY),
                new ParallelAdapter(48, Unary.SILU, 1, Set.of(Place.ATTENTION), false, Init.NEAR_IDENTITY));
    }

    /** Houlsby et al.: 2md + d + m per adapter. */
    @Test
    void countsOnGpt2() {
        var gpt2 = ModelShape.gpt2(50257, 1024, 768, 12, 12);
        assertThat(new SeriesAdapter(64, Unary.GELU_TANH, 1, BOTH, true, Init.NEAR_IDENTITY).trainable(gpt2))
                .isEqualTo(24 * (2 * 64 * 768 + 768 + 64));
        assertThat(new ParallelAdapter(256, Unary.TANH, 1, Set.of(Place.MLP), false, Init.IDENTITY).trainable(gpt2))
                .isEqualTo(12 * 2 * 256 * 768);
    }

    @ParameterizedTest
    @MethodSource("methods")
    void formulaAndCensusAgree(Bottleneck method) throws IOException {
        try (var subject = Subject.of(cpu, method)) {
            assertThat(subject.adapter().size()).isEqualTo(method.trainable(subject.decoder().shape()));
        }
    }

    @ParameterizedTest
    @MethodSource("methods")
    void startsAtOrNearTheBase(Bottleneck method) throws IOException {
        try (var base = GoldenBase.load(cpu); var subject = Subject.of(cpu, method)) {
            var expected = Subject.logits(base, GoldenBase.batch());
            var actual = subject.logits(GoldenBase.batch());
            if (method.init() == Init.IDENTITY) {
                assertThat(actual).isEqualTo(expected);
            } else {
                assertThat(actual).isNotEqualTo(expected);
                assertThat(IntStream.range(0, actual.length).mapToDouble(i -> Math.abs(actual[i] - expected[i])).max()
                        .orElseThrow()).isLessThan(0.05);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("methods")
    void trainsNothingButItself(Bottleneck method) throws IOException {
        try (var decoder = GoldenBase.load(cpu)) {
            var weights = Subject.values(decoder.parameters());
            var logits = Subject.logits(decoder, GoldenBase.batch());
            var subject = new Subject(decoder, method.attach(decoder, 7));
            var before = subject.values();
            train(subject, 3);
            assertThat(subject.values()).allSatisfy(
                    (name, values) -> assertThat(values).as(name).isNotEqualTo(before.get(name)));
            assertThat(subject.logits(GoldenBase.batch())).isNotEqualTo(logits);
            subject.adapter().detach();
            assertThat(Subject.logits(decoder, GoldenBase.batch())).isEqualTo(logits);
            assertThat(Subject.values(decoder.parameters())).allSatisfy(
                    (name, values) -> assertThat(values).as(name).isEqualTo(weights.get(name)));
        }
    }

    @ParameterizedTest
    @MethodSource("methods")
    void takenOutAndPutBack(Bottleneck method) throws IOException {
        try (var base = GoldenBase.load(cpu); var subject = Subject.of(cpu, method)) {
            train(subject, 1);
            var logits = subject.logits(GoldenBase.batch());
            subject.adapter().unplug();
            subject.adapter().unplug();
            assertThat(subject.logits(GoldenBase.batch())).isEqualTo(Subject.logits(base, GoldenBase.batch()));
            subject.adapter().plug();
            subject.adapter().plug();
            assertThat(subject.logits(GoldenBase.batch())).isEqualTo(logits);
        }
    }

    @ParameterizedTest
    @MethodSource("methods")
    void recomputationChangesNothing(Bottleneck method) throws IOException {
        try (var subject = Subject.of(cpu, method)) {
            train(subject, 1);
            var kept = subject.gradients(GoldenBase.batch(), Subject.pass(false));
            var again = subject.gradients(GoldenBase.batch(), Subject.pass(true));
            assertThat(again.loss()).isEqualTo(kept.loss());
            assertThat(again.byName()).allSatisfy(
                    (name, gradient) -> assertThat(gradient).as(name).isEqualTo(kept.byName().get(name)));
        }
    }

    /** Token by token with a cache, the model writes what it would write if it read everything anew each time. */
    @ParameterizedTest
    @MethodSource("methods")
    void generationWithACache(Bottleneck method) throws IOException {
        try (var subject = Subject.of(cpu, method)) {
            train(subject, 20);
            var prompt = Arrays.copyOf(GoldenBase.examples().getFirst().ids(), 8);
            var written = Generation.continueText(subject.decoder(), prompt, 12, -1, Sampling.GREEDY, _ -> {});
            var read = prompt;
            for (int token : written) {
                assertThat(token).isEqualTo(likeliest(subject, read));
                read = Arrays.copyOf(read, read.length + 1);
                read[read.length - 1] = token;
            }
            assertThat(written).hasSize(12);
        }
    }

    private static int likeliest(Subject subject, int[] ids) {
        var logits = subject.logits(Batch.of(List.of(new Example(ids, ids))));
        int last = logits.length - 257;
        return IntStream.range(0, 257).reduce((a, b) -> logits[last + b] > logits[last + a] ? b : a).orElseThrow();
    }

    private static void train(Subject subject, int steps) throws IOException {
        try (var optimizer = subject.adamW(0)) {
            for (int step = 0; step < steps; step++) {
                try (var _ = subject.device().memory().scope()) {
                    var batch = GoldenBase.batch();
                    var loss = subject.decoder().loss(batch.sequences(), batch.labels(), 1f / batch.labelCount(0),
                            Subject.pass(false));
                    loss.backward();
                    optimizer.step(loss, 1e-2f, 0);
                }
            }
        }
    }

    @Test
    void refusesWhatIsNoAdapter() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new SeriesAdapter(0, Unary.RELU, 1, BOTH, true, Init.IDENTITY));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new ParallelAdapter(4, Unary.RELU, 1, Set.of(), true, Init.IDENTITY));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new ParallelAdapter(4, Unary.RELU, Float.NaN, BOTH, true, Init.IDENTITY));
    }

    // ---- files -------------------------------------------------------------------------------------------------------

    @ParameterizedTest
    @MethodSource("methods")
    void filesRoundTrip(Bottleneck method, @TempDir Path folder) throws IOException {
        try (var subject = Subject.of(cpu, method); var decoder = GoldenBase.load(cpu)) {
            train(subject, 2);
            AdapterFolder.save(folder, subject.adapter(), "base");
            assertThat(VirtualTokensTest.remarks(() -> AdapterFolder.readMethod(folder))).isEmpty();
            var again = new Subject(decoder, AdapterFolder.load(folder, decoder));
            assertThat(again.logits(GoldenBase.batch())).isEqualTo(subject.logits(GoldenBase.batch()));
            assertThat(again.adapter().method()).usingRecursiveComparison().ignoringFields("init").isEqualTo(method);
        }
    }

    /** Names as the library's code for GPT-2 makes them. */
    @Test
    void namesOfTensors(@TempDir Path folder) throws IOException {
        try (var subject = Subject.of(cpu, methods().getFirst())) {
            AdapterFolder.save(folder, subject.adapter(), "base");
        }
        try (var file = SafetensorsFile.open(folder.resolve(WEIGHTS))) {
            assertThat(file.tensors()).hasSize(3 * 2 * 4)
                    .anySatisfy(info -> {
                        assertThat(info.name())
                                .isEqualTo("transformer.h.2.attention_adapters.adapters.default.adapter_down.0.weight");
                        assertThat(info.shape()).containsExactly(7L, 48L);
                    }).anySatisfy(info -> {
                        assertThat(info.name())
                                .isEqualTo("transformer.h.0.output_adapters.adapters.default.adapter_up.bias");
                        assertThat(info.shape()).containsExactly(48L);
                    });
        }
    }

    /** The library finds the size of the bottleneck by a division that rounds down. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 5, 7, 10, 11, 16, 24, 47, 48, 49, 96, 100})
    void reductionFactorGivesTheBottleneck(int bottleneck, @TempDir Path folder) throws IOException {
        var method = new SeriesAdapter(bottleneck, Unary.RELU, 1, Set.of(Place.MLP), true, Init.IDENTITY);
        try (var subject = Subject.of(cpu, method)) {
            AdapterFolder.save(folder, subject.adapter(), "base");
        }
        double factor = config(folder).get("config").get("reduction_factor").doubleValue();
        assertThat((48 - 48 % factor) / factor).isCloseTo(bottleneck, within(1e-9));
        assertThat(((SeriesAdapter) AdapterFolder.readMethod(folder)).bottleneck()).isEqualTo(bottleneck);
    }

    private static ObjectNode config(Path folder) throws IOException {
        return (ObjectNode) new JsonMapper().readTree(folder.resolve("adapter_config.json").toFile());
    }

    /** What that library can do and Lorikeet cannot. */
    @Test
    void otherVariantsAreRefused(@TempDir Path folder) throws IOException {
        refusesChanged(folder, "original_ln_before", options -> options.put("original_ln_before", true));
        refusesChanged(folder, "original_ln_after", options -> options.put("original_ln_after", false));
        refusesChanged(folder, "is_parallel", options -> options.put("is_parallel", true));
        refusesChanged(folder, "scaling", options -> options.put("scaling", "learned"));
        refusesChanged(folder, "dropout", options -> options.put("dropout", 0.1));
        refusesChanged(folder, "leave_out", options -> options.putArray("leave_out").add(1));
        refusesChanged(folder, "leakyrelu", options -> options.put("non_linearity", "leakyrelu"));
    }

    private void refusesChanged(Path folder, String named, Consumer<ObjectNode> change) throws IOException {
        try (var subject = Subject.of(cpu, methods().getFirst())) {
            AdapterFolder.save(folder, subject.adapter(), "base");
        }
        var config = config(folder);
        change.accept((ObjectNode) config.get("config"));
        Files.writeString(folder.resolve("adapter_config.json"), config.toString());
        assertThatIOException().isThrownBy(() -> AdapterFolder.readMethod(folder)).withMessageContaining(named);
    }

    @Test
    void tensorsThatDoNotBelongAreNamed(@TempDir Path folder) throws IOException {
        try (var subject = Subject.of(cpu, methods().getFirst()); var decoder = GoldenBase.load(cpu)) {
            AdapterFolder.save(folder, subject.adapter(), "base");
            var file = folder.resolve(WEIGHTS);
            var logits = Subject.logits(decoder, GoldenBase.batch());
            SafetensorsWriter.write(file, Map.of(), List.of());
            assertThatIOException().isThrownBy(() -> AdapterFolder.load(folder, decoder))
                    .withMessageContaining("missing")
                    .withMessageContaining("_adapters.");
            var wrong = "transformer.h.0.output_adapters.adapters.default.adapter_gate.weight";
            SafetensorsWriter.write(file, Map.of(), List.of(SafetensorsWriter.Source.of(wrong,
                    Shape.of(1), new float[1])));
            assertThatIOException().isThrownBy(() -> AdapterFolder.load(folder, decoder)).withMessageContaining(wrong);
            assertThat(Subject.logits(decoder, GoldenBase.batch())).isEqualTo(logits);
        }
    }

    @Test
    void anotherBaseIsRefused(@TempDir Path folder) throws IOException {
        try (var subject = Subject.of(cpu, methods().getFirst()); var decoder = GoldenBase.load(cpu)) {
            AdapterFolder.save(folder, subject.adapter(), "base");
            Files.writeString(folder.resolve("adapter_config.json"), config(folder).put("hidden_size", 64).toString());
            assertThatIOException().isThrownBy(() -> AdapterFolder.load(folder, decoder))
                    .withMessageContaining("hidden_size");
        }
    }
}
