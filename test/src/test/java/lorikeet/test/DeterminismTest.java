package lorikeet.test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import lorikeet.engine.Autograd;
import lorikeet.engine.Schedule;
import lorikeet.kernels.DType;
import lorikeet.kernels.Device;
import lorikeet.kernels.Devices;
import lorikeet.kernels.Precision;
import lorikeet.kernels.RandomKey;
import lorikeet.model.Decoder;
import lorikeet.model.Dropouts;
import lorikeet.model.Evaluation;
import lorikeet.model.Generation;
import lorikeet.model.LabelScores;
import lorikeet.model.ModelFolder;
import lorikeet.model.Pass;
import lorikeet.model.Sampling;
import lorikeet.model.Training;
import lorikeet.model.data.Batch;
import lorikeet.model.data.Batches;
import lorikeet.model.data.Example;
import lorikeet.model.data.Sequences;
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
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What results depend on, and what they do not: threads, company in a batch, its order, a cache, the way a step is cut. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class DeterminismTest {
    private static final Lora LORA = new Lora(4, 8, 0.2f, Targets.of("all-linear"), LoraVariant.PLAIN);
    private static final Dropouts DROPOUTS = new Dropouts(0.1f, 0.2f, 0.3f);
    /** Rounding in other orders, relative to logits of about 10. */
    private static final double ROUNDING = 2e-6;

    private final Device device = Devices.open("cpu", Precision.STRICT, 2);
    private final Batch batch;
    private final List<Example> examples;

    DeterminismTest() throws IOException {
        batch = GoldenBase.batch();
        examples = GoldenBase.examples();
    }

    @AfterAll
    void close() {
        device.close();
    }

    static Stream<Method> methods() {
        return Stream.of(LORA, new Selection.Full());
    }

    static Stream<Method> withoutDropout() {
        return Stream.of(new Lora(4, 8, 0, Targets.of("all-linear"), LoraVariant.PLAIN), new Selection.Full());
    }

    private static Subject open(Device on, Method method) throws IOException {
        var decoder = ModelFolder.open(GoldenBase.FOLDER).load(on, DType.F32, DROPOUTS);
        return new Subject(decoder, method.attach(decoder, 7));
    }

    // ---- the same bits -----------------------------------------------------------------------------------------------

    /** All trained parameters after five steps with every kind of dropout, one after the other. */
    private float[] trained(int threads, Precision precision, Method method, long seed) throws IOException {
        try (var on = Devices.open("cpu", precision, threads);
                var subject = open(on, method);
                var optimizer = subject.adamW(0.01f)) {
            var batches = new Batches(examples, 2, true, seed);
            new Training(5, 2, 1e-2f, new Schedule(Schedule.Kind.COSINE, 1, 5), 1, seed, false)
                    .run(subject.decoder(), optimizer, batches::get, 0, _ -> true);
            return concat(subject.values().values());
        }
    }

    private static float[] concat(Iterable<float[]> parts) {
        var all = new float[0];
        for (var part : parts) {
            int at = all.length;
            all = Arrays.copyOf(all, at + part.length);
            System.arraycopy(part, 0, all, at, part.length);
        }
        return all;
    }

    @ParameterizedTest
    @MethodSource("methods")
    void theSameSeedGivesTheSameBitsWithAnyNumberOfThreads(Method method) throws IOException {
        var expected = trained(1, Precision.STRICT, method, 3);
        for (int threads : new int[] {1, 2, 3}) {
            assertThat(Arrays.mismatch(trained(threads, Precision.STRICT, method, 3), expected)).isEqualTo(-1);
        }
        assertThat(Arrays.mismatch(trained(1, Precision.STRICT, method, 4), expected)).isGreaterThanOrEqualTo(0);
    }

    @ParameterizedTest
    @EnumSource(names = {"FAST", "BF16"})
    void theSameSeedGivesTheSameBitsInOtherPrecisions(Precision precision) throws IOException {
        assertThat(Arrays.mismatch(trained(2, precision, LORA, 3), trained(2, precision, LORA, 3))).isEqualTo(-1);
    }

    // ---- dropout -----------------------------------------------------------------------------------------------------

    @Test
    void dropoutDependsOnItsKeyAndOnTraining() throws IOException {
        try (var subject = open(device, LORA)) {
            var key = RandomKey.at(1, 2, 3, 4);
            var first = subject.gradients(batch, new Pass(true, key, false));
            var again = subject.gradients(batch, new Pass(true, key, false));
            var recomputed = subject.gradients(batch, new Pass(true, key, true));
            assertThat(again.loss()).isEqualTo(first.loss()).isEqualTo(recomputed.loss());
            assertThat(concat(again.byName().values())).isEqualTo(concat(first.byName().values()))
                    .isEqualTo(concat(recomputed.byName().values()));

            assertThat(Stream.of(RandomKey.at(2, 2, 3, 4), RandomKey.at(1, 3, 3, 4), RandomKey.at(1, 2, 4, 4))
                    .map(other -> subject.gradients(batch, new Pass(true, other, false)).loss()))
                    .doesNotContain(first.loss()).doesNotHaveDuplicates();

            var still = subject.gradients(batch, new Pass(false, key, false));
            var other = subject.gradients(batch, new Pass(false, new RandomKey(9, 9), false));
            assertThat(concat(still.byName().values())).isEqualTo(concat(other.byName().values()));
        }
    }

    /** Each kind of dropout by itself changes something, in training only. */
    @Test
    void everyKindOfDropoutActs() throws IOException {
        var kinds = List.of(new Dropouts(0.3f, 0, 0), new Dropouts(0, 0.3f, 0), new Dropouts(0, 0, 0.3f));
        var losses = new ArrayList<Float>();
        for (var dropouts : kinds) {
            try (var decoder = ModelFolder.open(GoldenBase.FOLDER).load(device, DType.F32, dropouts)) {
                losses.add(loss(decoder, new Pass(false, new RandomKey(1, 1), false)));
                losses.add(loss(decoder, new Pass(true, new RandomKey(1, 1), false)));
            }
        }
        assertThat(losses.get(2)).isEqualTo(losses.get(0)).isEqualTo(losses.get(4));
        assertThat(List.of(losses.get(0), losses.get(1), losses.get(3), losses.get(5))).doesNotHaveDuplicates();
    }

    private float loss(Decoder decoder, Pass pass) {
        try (var _ = device.memory().scope()) {
            return Autograd.off(() -> decoder.loss(batch.sequences(), batch.labels(), 1f, pass)).item();
        }
    }

    // ---- batches -----------------------------------------------------------------------------------------------------

    private static Batch batch(Example... examples) {
        return Batch.of(List.of(examples));
    }

    /** Logits of each example, from a batch of them all. */
    private static List<float[]> logits(Decoder decoder, List<Example> examples) {
        var all = Subject.logits(decoder, Batch.of(examples));
        var parts = new ArrayList<float[]>();
        int at = 0;
        for (var example : examples) {
            int count = example.length() * decoder.shape().vocabulary();
            parts.add(Arrays.copyOfRange(all, at, at + count));
            at += count;
        }
        return parts;
    }

    private static double difference(float[] a, float[] b) {
        assertThat(a).hasSameSizeAs(b);
        return IntStream.range(0, a.length).mapToDouble(i -> Math.abs(a[i] - b[i])).reduce(0, Math::max);
    }

    @Test
    void aSequenceDoesNotSeeItsNeighbours() throws IOException {
        var ragged = List.of(examples.get(0), new Example(new int[] {5}, new int[] {5}), examples.get(1),
                new Example(new int[] {9, 8}, new int[] {9, 8}), examples.get(2));
        try (var decoder = GoldenBase.load(device)) {
            var together = logits(decoder, ragged);
            var reversed = logits(decoder, ragged.reversed()).reversed();
            for (int i = 0; i < ragged.size(); i++) {
                assertThat(difference(together.get(i), Subject.logits(decoder, batch(ragged.get(i)))))
                        .isLessThan(ROUNDING);
                assertThat(difference(together.get(i), reversed.get(i))).isLessThan(ROUNDING);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("withoutDropout")
    void theOrderOfABatchChangesRoundingOnly(Method method) throws IOException {
        try (var subject = Subject.of(device, method)) {
            var pass = new Pass(false, new RandomKey(0, 0), false);
            var forth = subject.gradients(Batch.of(examples), pass);
            var back = subject.gradients(Batch.of(examples.reversed()), pass);
            assertThat(back.loss()).isCloseTo(forth.loss(), within(1e-6f));
            assertThat(back.byName()).allSatisfy((name, gradient) -> assertThat(
                    difference(gradient, forth.byName().get(name))).as(name).isLessThan(1e-6));
        }
    }

    /** The loss is the mean over all labels of the step, however many each batch has. */
    @ParameterizedTest
    @MethodSource("withoutDropout")
    void accumulatedBatchesEqualOneLargeOne(Method method) throws IOException {
        try (var large = Subject.of(device, method);
                var parts = Subject.of(device, method);
                var largeOptimizer = large.adamW(0.01f);
                var partsOptimizer = parts.adamW(0.01f)) {
            var losses = new ArrayList<Float>();
            new Training(3, 1, 1e-3f, new Schedule(Schedule.Kind.CONSTANT, 0, 3), 0.5f, 1, false)
                    .run(large.decoder(), largeOptimizer, _ -> batch, 0, step -> losses.add(step.loss()));
            new Training(3, 3, 1e-3f, new Schedule(Schedule.Kind.CONSTANT, 0, 3), 0.5f, 1, false).run(parts.decoder(),
                    partsOptimizer, n -> batch(examples.get((int) (n % 3))), 0, step -> {
                        assertThat(step.loss()).isCloseTo(losses.get(step.step() - 1), within(1e-5f));
                        assertThat(step.tokens()).isEqualTo(batch.sequences().tokens());
                        return true;
                    });
            assertThat(losses).hasSize(3).isSortedAccordingTo((a, b) -> Float.compare(b, a));
        }
    }

    // ---- cache -------------------------------------------------------------------------------------------------------

    /** Token by token, in pieces, or at once: each position has the same logits. */
    @Test
    void decodingWithACacheEqualsReadingAtOnce() throws IOException {
        var ids = List.of(examples.get(0).ids(), Arrays.copyOf(examples.get(2).ids(), 20));
        int vocabulary = 257;
        try (var subject = open(device, LORA)) {
            var decoder = subject.decoder();
            var expected = logits(decoder, ids.stream().map(all -> new Example(all, all)).toList());
            try (var cache = decoder.cache(2, 24)) {
                int[][] steps = {{0, 0}, {5, 1}, {6, 2}, {7, 12}, {20, 19}, {24, 20}};
                for (int i = 1; i < steps.length; i++) {
                    var from = steps[i - 1];
                    var to = steps[i];
                    try (var _ = device.memory().scope()) {
                        var pieces = Sequences.of(List.of(Arrays.copyOfRange(ids.get(0), from[0], to[0]),
                                Arrays.copyOfRange(ids.get(1), from[1], to[1])));
                        var hidden = decoder.hidden(pieces, cache);
                        var rows = decoder.logits(hidden, IntStream.range(0, pieces.tokens()).toArray()).toArray();
                        int first = (to[0] - from[0]) * vocabulary;
                        assertThat(difference(Arrays.copyOf(rows, first), Arrays.copyOfRange(expected.get(0),
                                from[0] * vocabulary, to[0] * vocabulary))).isLessThan(ROUNDING);
                        assertThat(difference(Arrays.copyOfRange(rows, first, rows.length), Arrays.copyOfRange(
                                expected.get(1), from[1] * vocabulary, to[1] * vocabulary))).isLessThan(ROUNDING);
                    }
                    assertThat(cache.length(0)).isEqualTo(to[0]);
                    assertThat(cache.length(1)).isEqualTo(to[1]);
                }
            }
        }
    }

    /** Likelihoods of whole sequences, by logits and a sum of logarithms in double. */
    @Test
    void scoresOfLabelsAreLogLikelihoods() throws IOException {
        var prompts = List.of(new int[] {7}, Arrays.copyOf(examples.get(0).ids(), 9),
                Arrays.copyOf(examples.get(2).ids(), 4));
        var candidates = List.of(new int[] {1}, new int[] {2, 3}, new int[] {2, 3, 4, 5}, new int[] {250, 256});
        try (var subject = open(device, LORA)) {
            var scores = LabelScores.of(subject.decoder(), prompts, candidates);
            for (int p = 0; p < prompts.size(); p++) {
                for (int c = 0; c < candidates.size(); c++) {
                    assertThat(scores[p][c]).isCloseTo(
                            logLikelihood(subject.decoder(), prompts.get(p), candidates.get(c)), within(1e-5));
                }
            }
        }
    }

    /** Less is computed, and the right label ranks the same. */
    @Test
    void whatCannotBeLikelierThanTheRightLabelKeepsTheScoreOfItsFirstToken() throws IOException {
        var prompts = IntStream.range(0, 24).mapToObj(seed -> new int[] {7, 3 * seed, 200 - seed}).toList();
        var candidates = IntStream.range(0, 8).mapToObj(c -> new int[] {30 * c + 1, 2, 250 - c}).toList();
        var right = IntStream.range(0, prompts.size()).map(p -> p % 9 - 1).toArray();
        try (var subject = open(device, LORA)) {
            var exact = LabelScores.of(subject.decoder(), prompts, candidates);
            var bounds = LabelScores.besides(right, subject.decoder(), prompts, candidates);
            int spared = 0;
            for (int p = 0; p < prompts.size(); p++) {
                for (int c = 0; c < candidates.size(); c++) {
                    if (right[p] >= 0 && !(bounds[p][c] < bounds[p][right[p]])) {
                        assertThat(bounds[p][c]).isCloseTo(exact[p][c], within(1e-5));
                    } else {
                        assertThat(bounds[p][c]).isGreaterThanOrEqualTo(exact[p][c]);
                        spared++;
                    }
                    if (right[p] >= 0) {
                        assertThat(bounds[p][c] < bounds[p][right[p]]).isEqualTo(exact[p][c] < exact[p][right[p]]);
                    }
                }
            }
            assertThat(spared).isBetween(24, 24 * 8 - 24);
        }
    }

    /** With labels, the loss comes from their scores; without, or where one is missing, from the examples themselves. */
    @Test
    void theLossIsTheSameByEitherWay() throws IOException {
        var labelled = IntStream.range(1, 40).mapToObj(i -> new Example(new int[] {7, 3 * i, 90 + i % 3, 2},
                new int[] {Device.IGNORED_LABEL, Device.IGNORED_LABEL, 90 + i % 3, 2})).toList();
        var labels = IntStream.range(90, 93).mapToObj(first -> new int[] {first, 2}).toList();
        try (var subject = open(device, LORA)) {
            double plain = loss(subject, labelled, labels, false);
            assertThat(loss(subject, labelled, labels, true)).isCloseTo(plain, within(1e-6));
            assertThat(loss(subject, labelled, labels.subList(0, 2), true)).isCloseTo(plain, within(1e-6));
        }
    }

    /** A completion that does not end in end-of-text is compared as far as it goes, whatever others in the batch need. */
    @Test
    void accuracyDoesNotDependOnNeighbours() throws IOException {
        try (var decoder = GoldenBase.load(device)) {
            var prompt = new int[] {1, 2, 3};
            var text = Generation.continueText(decoder, prompt, 6, -1, Sampling.GREEDY, _ -> {});
            var right = answer(prompt, Arrays.copyOf(text, 2));
            var wrong = answer(prompt, IntStream.of(text).map(token -> 256 - token).toArray());
            assertThat(accuracy(decoder, List.of(right))).isEqualTo(1);
            assertThat(accuracy(decoder, List.of(right, wrong))).isEqualTo(0.5);
        }
    }

    private static Example answer(int[] prompt, int[] completion) {
        var ids = IntStream.concat(Arrays.stream(prompt), Arrays.stream(completion)).toArray();
        var labels = ids.clone();
        Arrays.fill(labels, 0, prompt.length, Device.IGNORED_LABEL);
        return new Example(ids, labels);
    }

    private static double accuracy(Decoder decoder, List<Example> examples) {
        return Evaluation.of(decoder, new Task("text", List.of(), examples, List.of()), true, -1, _ -> {}).accuracy();
    }

    private static double loss(Subject subject, List<Example> examples, List<int[]> labels, boolean answers) {
        var task = new Task("labels", List.of(), examples, labels);
        return Evaluation.of(subject.decoder(), task, answers, 256, _ -> {}).loss();
    }

    private static double logLikelihood(Decoder decoder, int[] prompt, int[] completion) {
        var ids = IntStream.concat(Arrays.stream(prompt), Arrays.stream(completion)).toArray();
        var logits = Subject.logits(decoder, batch(new Example(ids, ids)));
        double sum = 0;
        for (int i = 0; i < completion.length; i++) {
            int row = (prompt.length + i - 1) * 257;
            double total = IntStream.range(row, row + 257).mapToDouble(j -> Math.exp(logits[j])).sum();
            sum += logits[row + completion[i]] - Math.log(total);
        }
        return sum;
    }

    /** The last token that fits is generated; with one more there is no room. What others need does not matter. */
    @Test
    void generationFillsTheContextAndStops() throws IOException {
        try (var decoder = GoldenBase.load(device)) {
            var prompts = Stream.of(60, 1, 64, 3).map(length -> IntStream.range(0, length).toArray()).toList();
            var alone = prompts.stream()
                    .map(prompt -> Generation.continueText(decoder, prompt, 10, -1, Sampling.GREEDY, _ -> {})).toList();
            assertThat(alone).extracting(text -> text.length).containsExactly(4, 10, 0, 10);
            assertThat(Generation.continueGreedily(decoder, prompts, 10, -1).toArray(int[][]::new))
                    .isDeepEqualTo(alone.toArray(int[][]::new));
        }
    }

    @Test
    void noTokenIsChosenFromLogitsThatAreNotFinite() throws IOException {
        try (var decoder = GoldenBase.load(device)) {
            var norm = decoder.parameters().get("ln_f.bias");
            norm.change(() -> device.fill(norm.data(), Float.NaN));
            var prompt = new int[] {1, 2, 3};
            for (var sampling : List.of(Sampling.GREEDY, new Sampling(1, 0, 1, 1))) {
                assertThatThrownBy(() -> Generation.continueText(decoder, prompt, 1, -1, sampling, _ -> {}))
                        .isInstanceOf(ArithmeticException.class).hasMessage("the model's logits are not finite");
            }
            assertThatThrownBy(() -> Generation.continueGreedily(decoder, List.of(prompt), 1, -1))
                    .isInstanceOf(ArithmeticException.class).hasMessage("the model's logits are not finite");
        }
    }

    @Test
    void samplingDependsOnItsSeedAlone() throws IOException {
        try (var decoder = GoldenBase.load(device)) {
            var prompt = new int[] {1, 2, 3};
            var drawn = Stream.of(5L, 5L, 6L).map(seed -> Generation.continueText(decoder, prompt, 12, -1,
                    new Sampling(1, 0, 1, seed), _ -> {})).toList();
            assertThat(drawn.get(1)).isEqualTo(drawn.get(0)).isNotEqualTo(drawn.get(2)).hasSize(12);
            var greedy = Generation.continueText(decoder, prompt, 12, -1, Sampling.GREEDY, _ -> {});
            for (var narrow : List.of(new Sampling(1, 1, 1, 5), new Sampling(1, 0, 1e-6f, 5),
                    new Sampling(1e-4f, 0, 1, 5))) {
                assertThat(Generation.continueText(decoder, prompt, 12, -1, narrow, _ -> {})).isEqualTo(greedy);
            }
        }
    }
}
