package lorikeet.test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import lorikeet.engine.Schedule;
import lorikeet.kernels.Device;
import lorikeet.kernels.Devices;
import lorikeet.kernels.Precision;
import lorikeet.kernels.Purpose;
import lorikeet.model.Dropouts;
import lorikeet.model.Evaluation;
import lorikeet.model.Generation;
import lorikeet.model.LabelScores;
import lorikeet.model.Pretraining;
import lorikeet.model.Sampling;
import lorikeet.model.Training;
import lorikeet.model.data.Batch;
import lorikeet.model.data.Example;
import lorikeet.model.data.Task;
import lorikeet.peft.Lora;
import lorikeet.peft.LoraVariant;
import lorikeet.peft.Method;
import lorikeet.peft.Selection;
import lorikeet.peft.Targets;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever runs, and wherever it stops, leaves as much memory in use as it found. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class LeakTest {
    private static final Lora LORA = new Lora(2, 4, 0.1f, Targets.of("all-linear"), LoraVariant.PLAIN);

    private final Device plain = Devices.open("cpu", Precision.STRICT, 2);
    private final Device device;
    private final Batch batch;
    /** Verbs and allocations until one fails. */
    private int verbsLeft = Integer.MAX_VALUE;

    private static final class Failure extends RuntimeException {
        private static final long serialVersionUID = 1L;
    }

    LeakTest() throws ReflectiveOperationException, IOException {
        batch = GoldenBase.batch();
        device = ObservedDevice.of(plain, (_, _) -> {
            if (--verbsLeft < 0) {
                throw new Failure();
            }
        });
    }

    @AfterAll
    void close() {
        device.close();
    }

    static Stream<Method> methods() {
        return Stream.of(LORA, new Selection.BitFit(), new Selection.LastLayers(1), new Selection.Full());
    }

    private Map<Purpose, Long> inUse() {
        device.memory().ledger().resetPeaks();
        assertThat(plain.memory().ledger().current()).as("scratch space of the libraries").isZero();
        return device.memory().ledger().atPeak();
    }

    @ParameterizedTest
    @MethodSource("methods")
    void everyStepEndsWithTheSameBytesInUse(Method method) throws IOException {
        for (boolean recompute : new boolean[] {false, true}) {
            try (var subject = Subject.of(device, method); var optimizer = subject.adamW(0)) {
                var afterSteps = new ArrayList<Map<Purpose, Long>>();
                for (int step = 0; step < 3; step++) {
                    new Training(step + 1, 2, 1e-3f, new Schedule(Schedule.Kind.CONSTANT, 0, 3), 1, 1, recompute)
                            .run(subject.decoder(), optimizer, _ -> batch, step, _ -> true);
                    afterSteps.add(inUse());
                }
                assertThat(afterSteps.getFirst().get(Purpose.ACTIVATIONS)).isZero();
                assertThat(afterSteps.getFirst().get(Purpose.WORKSPACE)).isZero();
                assertThat(afterSteps).allMatch(afterSteps.getFirst()::equals);
            }
            assertThat(device.memory().ledger().current()).isZero();
        }
    }

    @Test
    void evaluationAndGenerationLeaveNothing() throws IOException {
        var examples = IntStream.range(1, 5).mapToObj(LeakTest::withPrompt).toList();
        var labels = examples.stream().map(Example::completion).toList();
        try (var subject = Subject.of(device, LORA)) {
            var before = inUse();
            var decoder = subject.decoder();
            Evaluation.of(decoder, new Task("labels", List.of(), examples, labels), true, 256, _ -> {});
            assertThat(inUse()).isEqualTo(before);
            Evaluation.of(decoder, new Task("text", List.of(), examples, List.of()), true, 256, _ -> {});
            assertThat(inUse()).isEqualTo(before);
            Generation.continueText(decoder, new int[] {1, 2}, 5, -1, Sampling.GREEDY, _ -> {});
            Generation.continueGreedily(decoder, List.of(new int[] {1, 2}, new int[] {3}), 5, -1);
            assertThat(inUse()).isEqualTo(before);
            assertThatThrownBy(() -> Generation.continueText(decoder, new int[] {1, 2}, 5, -1, Sampling.GREEDY, _ -> {
                throw new Failure();
            })).isInstanceOf(Failure.class);
            assertThat(inUse()).isEqualTo(before);
        }
    }

    /** A prompt of some tokens and a completion of two. */
    private static Example withPrompt(int length) {
        var ids = IntStream.range(0, length + 2).toArray();
        var labels = ids.clone();
        Arrays.fill(labels, 0, length, Device.IGNORED_LABEL);
        return new Example(ids, labels);
    }

    /** Fails at every verb of a step in turn, forward, backward or in the optimizer; then the step is what it was. */
    @ParameterizedTest
    @MethodSource("methods")
    void aStepThatFailsAnywhereLeavesNothingBehind(Method method) throws IOException {
        for (boolean recompute : new boolean[] {false, true}) {
            try (var subject = Subject.of(device, method); var optimizer = subject.adamW(0)) {
                var training = new Training(1, 2, 0, new Schedule(Schedule.Kind.CONSTANT, 0, 1), 1, 1, recompute);
                var taken = new ArrayList<Training.Step>();
                Work step = () -> training.run(subject.decoder(), optimizer, _ -> batch, 0, taken::add);
                step.run();
                var before = inUse();
                int failed = 0;
                while (failsAfter(failed, step)) {
                    // that of a trained head is lost with the step that was computing its gradient
                    assertThat(inUse()).as("after %d verbs", failed).allSatisfy((purpose, bytes) -> assertThat(bytes)
                            .isBetween(purpose == Purpose.GRADIENTS ? 0 : before.get(purpose), before.get(purpose)));
                    failed++;
                }
                assertThat(inUse()).isEqualTo(before);
                assertThat(failed).isGreaterThan(100);
                assertThat(taken).hasSize(2);
                assertThat(taken.getLast().loss()).isEqualTo(taken.getFirst().loss());
                assertThat(taken.getLast().norm()).isEqualTo(taken.getFirst().norm());
            }
            assertThat(device.memory().ledger().current()).isZero();
        }
    }

    /** Fails at every verb and every allocation in turn. */
    @Test
    void whatCannotBeMadeWholeIsNotMade() throws IOException {
        try (var subject = Subject.of(device, LORA)) {
            var decoder = subject.decoder();
            var before = inUse();
            for (var making : List.<Work>of(() -> decoder.cache(2, 10).close(), () -> subject.adamW(0).close(),
                    () -> Pretraining.newDecoder(device, decoder.shape(), Dropouts.NONE, 1).close())) {
                int failed = 0;
                device.memory().trim(); // so that memory comes from the device
                while (failsAfter(failed, making)) {
                    assertThat(inUse()).as("after %d verbs", failed).isEqualTo(before);
                    device.memory().trim();
                    failed++;
                }
                assertThat(failed).isGreaterThan(1);
            }
        }
    }

    @Test
    void anEvaluationThatFailsAnywhereLeavesNothingBehind() throws IOException {
        var prompts = List.of(new int[] {1, 2, 3}, new int[] {4});
        var candidates = List.of(new int[] {5}, new int[] {6, 7});
        try (var subject = Subject.of(device, LORA)) {
            var before = inUse();
            int failed = 0;
            while (failsAfter(failed, () -> {
                LabelScores.of(subject.decoder(), prompts, candidates);
                Generation.continueGreedily(subject.decoder(), prompts, 2, -1);
            })) {
                assertThat(inUse()).as("after %d verbs", failed).isEqualTo(before);
                failed++;
            }
            assertThat(failed).isGreaterThan(50);
        }
    }

    private interface Work {
        void run() throws IOException;
    }

    /** Whether {@code work} fails when the device does after so many verbs. */
    private boolean failsAfter(int verbs, Work work) throws IOException {
        verbsLeft = verbs;
        try {
            work.run();
            return false;
        } catch (Failure _) {
            return true;
        } finally {
            verbsLeft = Integer.MAX_VALUE;
        }
    }
}
