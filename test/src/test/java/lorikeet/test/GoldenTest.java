package lorikeet.test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import lorikeet.engine.SafetensorsFile;
import lorikeet.engine.Schedule;
import lorikeet.kernels.Device;
import lorikeet.kernels.sim.SimGpu;
import lorikeet.model.Generation;
import lorikeet.model.Sampling;
import lorikeet.model.Training;
import lorikeet.model.data.Batch;
import lorikeet.peft.AdapterFolder;
import lorikeet.peft.Mergeable;
import lorikeet.peft.Method;
import lorikeet.peft.Selection;
import lorikeet.test.reference.Golden;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The engine computes what Hugging Face PEFT computed: every method that there is, on every device that there is. */
@Tag("isa")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class GoldenTest {
    /** Folders of golden/. A new method adds its own. */
    private static final List<String> METHODS = List.of("full", "lora_attn", "lora_all_rslora", "lora_dora", "ia3",
            "prompt", "prefix", "prefix_proj", "ptuning_mlp", "ptuning_lstm");
    private static final int STEPS = 20;
    /** So many suffice where each takes long. */
    private static final int STEPS_ON_SIM = 3;
    private static final int NO_TOKEN = -1;

    /** The other schedule shows what it can in the table of ops and in the gradients of methods, at less cost. */
    private final TestDevices devices = new TestDevices(SimGpu.Schedule.WARP_SERIAL);
    private final Map<String, Integer> executed = new HashMap<>();

    private record Case(String on, Device device, Golden golden) {
        /** The base with the method attached and its parameters as they were before training. */
        Subject open() throws IOException {
            var subject = Subject.of(device, method());
            var values = golden.trainable();
            assertThat(subject.adapter().parameters().keySet().stream().map(GoldenTest::goldenName))
                    .containsExactlyInAnyOrderElementsOf(values.keySet());
            subject.adapter().parameters().forEach(
                    (name, tensor) -> device.upload(tensor.data(), floats(values.get(goldenName(name)))));
            return subject;
        }

        private Method method() throws IOException {
            return hasAdapter() ? AdapterFolder.readMethod(folder()) : new Selection.Full();
        }

        boolean hasAdapter() {
            return Files.exists(folder());
        }

        Path folder() {
            return golden.folder().resolve("adapter");
        }

        @Override
        public String toString() {
            return golden + " on " + on;
        }
    }

    private Stream<Case> cases() {
        return devices.byName().entrySet().stream().flatMap(device -> Arrays.stream(Golden.ALL)
                .filter(golden -> METHODS.contains(golden.name()))
                .map(golden -> new Case(device.getKey(), device.getValue(), golden)));
    }

    /** A device that quietly ran nothing would pass everything else. */
    @AfterAll
    void everyDeviceHasWorked() {
        devices.close();
        assertThat(devices.byName().keySet()).contains("cpu")
                .allSatisfy(name -> assertThat(executed.get(name)).as(name).isPositive());
    }

    private void count(Case on) {
        executed.merge(on.on, 1, Integer::sum);
    }

    /** Golden files name the parameters of the base as transformers does. */
    private static String goldenName(String name) {
        return name.matches("(h\\.|wte\\.|wpe\\.|ln_f\\.).*") ? "transformer." + name : name;
    }

    private static float[] floats(double[] values) {
        var narrow = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            narrow[i] = (float) values[i];
        }
        return narrow;
    }

    private static double[] doubles(float[] values) {
        return IntStream.range(0, values.length).mapToDouble(i -> values[i]).toArray();
    }

    // ---- forward -----------------------------------------------------------------------------------------------------

    @ParameterizedTest
    @MethodSource("cases")
    void logits(Case on) throws IOException {
        try (var subject = on.open()) {
            requireGoldenLogits(on, subject);
        }
        count(on);
    }

    private static void requireGoldenLogits(Case on, Subject subject) throws IOException {
        var batch = GoldenBase.batch();
        assertThat(largestDifference(subject.logits(batch), goldenLogits(on.golden, batch))).isLessThan(1e-5);
    }

    /** The golden logits without the rows of padding. */
    private static double[] goldenLogits(Golden golden, Batch batch) throws IOException {
        var padded = golden.logits();
        int sequences = batch.sequences().count();
        int width = padded.length / sequences;
        int vocabulary = Golden.config().vocabulary();
        int virtual = width / vocabulary - Golden.batch().ids()[0].length;
        return IntStream.range(0, sequences).boxed().flatMapToDouble(s -> Arrays.stream(padded, s * width,
                s * width + (virtual + batch.sequences().length(s)) * vocabulary)).toArray();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void greedyText(Case on) throws IOException {
        var prompts = Golden.prompts();
        var expected = on.golden.generated();
        try (var subject = on.open()) {
            var together = Generation.continueGreedily(subject.decoder(), List.of(prompts), 16, NO_TOKEN);
            for (int i = 0; i < prompts.length; i++) {
                var fresh = Arrays.copyOfRange(expected[i], prompts[i].length, expected[i].length);
                assertThat(Generation.continueText(subject.decoder(), prompts[i], 16, NO_TOKEN, Sampling.GREEDY,
                        _ -> {})).isEqualTo(fresh);
                assertThat(together.get(i)).isEqualTo(fresh);
            }
        }
        count(on);
    }

    // ---- backward ----------------------------------------------------------------------------------------------------

    @ParameterizedTest
    @MethodSource("cases")
    void gradients(Case on) throws IOException {
        var expected = on.golden.gradients();
        try (var subject = on.open()) {
            var actual = subject.gradients(GoldenBase.batch(), Subject.pass(false));
            assertThat(actual.loss()).isCloseTo((float) on.golden.losses()[0], within(1e-5f));
            assertThat(actual.byName()).hasSameSizeAs(expected).allSatisfy((name, gradient) -> {
                var golden = expected.get(goldenName(name));
                assertThat(largestDifference(gradient, golden)).as(name).isLessThan(1e-5 * largest(golden));
            });
            var again = subject.gradients(GoldenBase.batch(), Subject.pass(true));
            assertThat(again.loss()).isEqualTo(actual.loss());
            assertThat(again.byName()).hasSameSizeAs(expected)
                    .allSatisfy((name, gradient) -> assertThat(Arrays.mismatch(gradient, actual.byName().get(name)))
                            .as(name).isEqualTo(-1));
        }
        count(on);
    }

    /**
     * AdamW divides by the root of the squared gradient, so an entry whose gradient is next to zero moves by what rounding
     * makes of it. What may differ is a part of one step, which is 1e-3 long, after twenty.
     */
    private static final double OF_A_STEP = 0.05 * 1e-3;

    @ParameterizedTest
    @MethodSource("cases")
    void lossesOfTwentySteps(Case on) throws IOException {
        try (var subject = on.open(); var optimizer = subject.adamW(0.01f)) {
            var batch = GoldenBase.batch();
            int steps = on.device.name().equals("sim") ? STEPS_ON_SIM : STEPS;
            var losses = new double[steps + 1];
            new Training(steps, 1, 1e-3f, new Schedule(Schedule.Kind.CONSTANT, 0, steps), 0, 1, false)
                    .run(subject.decoder(), optimizer, _ -> batch, 0, step -> {
                        losses[step.step() - 1] = step.loss();
                        return true;
                    });
            losses[steps] = subject.gradients(batch, Subject.pass(false)).loss();
            assertThat(losses).containsExactly(Arrays.copyOf(on.golden.losses(), steps + 1), within(1e-5));
            if (steps < STEPS) {
                count(on);
                return;
            }
            var expected = on.golden.trainableAfter20();
            assertThat(subject.values()).hasSameSizeAs(expected).allSatisfy((name, values) -> assertThat(
                    largestDifference(comparable(name, values), comparable(name, expected.get(goldenName(name)))))
                    .as(name).isLessThan(OF_A_STEP));
        }
        count(on);
    }

    /**
     * Without the biases of the keys: softmax does not see them, so their gradient is nothing but rounding error, which
     * Adam blows up to steps of full size.
     */
    private static double[] comparable(String name, double[] values) {
        if (!name.endsWith("attn.c_attn.bias")) {
            return values;
        }
        int third = values.length / 3;
        return DoubleStream.concat(Arrays.stream(values, 0, third), Arrays.stream(values, 2 * third, values.length))
                .toArray();
    }

    private static float[] comparable(String name, float[] values) {
        return floats(comparable(name, doubles(values)));
    }

    // ---- merging and files -------------------------------------------------------------------------------------------

    @ParameterizedTest
    @MethodSource("cases")
    void mergedWeights(Case on) throws IOException {
        var file = on.golden.folder().resolve("merged_h0.safetensors");
        Assumptions.assumeTrue(Files.exists(file));
        try (var subject = on.open(); var golden = SafetensorsFile.open(file)) {
            ((Mergeable) subject.adapter()).merge();
            assertThat(golden.tensors()).isNotEmpty().allSatisfy(info -> {
                var merged = subject.decoder().parameters().get(info.name().replace("transformer.", ""));
                assertThat(largestDifference(merged.toArray(), golden.doubles(info.name()))).as(info.name())
                        .isLessThan(1e-6);
            });
            requireGoldenLogits(on, subject);
        }
        count(on);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void adapterFolder(Case on, @TempDir Path written) throws IOException {
        Assumptions.assumeTrue(on.hasAdapter());
        try (var decoder = GoldenBase.load(on.device)) {
            var adapter = AdapterFolder.load(on.folder(), decoder);
            requireGoldenLogits(on, new Subject(decoder, adapter));
            AdapterFolder.save(written, adapter, "base");
            adapter.detach();
        }
        var weights = "adapter_model.safetensors";
        var config = "adapter_config.json";
        assertThat(written.resolve(weights)).hasSameBinaryContentAs(on.folder().resolve(weights));
        var json = new JsonMapper();
        assertThat(json.readTree(written.resolve(config).toFile()))
                .isEqualTo(json.readTree(on.folder().resolve(config).toFile()));
        count(on);
    }

    private static double largestDifference(float[] actual, double[] expected) {
        assertThat(actual).hasSize(expected.length);
        return IntStream.range(0, expected.length).mapToDouble(i -> Math.abs(actual[i] - expected[i]))
                .reduce(0, Math::max);
    }

    private static double largest(double[] values) {
        return Arrays.stream(values).map(Math::abs).max().orElseThrow();
    }
}
