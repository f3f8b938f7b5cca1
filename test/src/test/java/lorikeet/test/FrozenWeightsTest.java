package lorikeet.test;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Stream;
import lorikeet.engine.Optimizer;
import lorikeet.engine.Schedule;
import lorikeet.engine.Tensor;
import lorikeet.kernels.Device;
import lorikeet.kernels.Devices;
import lorikeet.kernels.Matrix;
import lorikeet.kernels.Precision;
import lorikeet.kernels.Purpose;
import lorikeet.model.Linear;
import lorikeet.model.Training;
import lorikeet.model.data.Batch;
import lorikeet.peft.Lora;
import lorikeet.peft.LoraVariant;
import lorikeet.peft.Method;
import lorikeet.peft.Selection;
import lorikeet.peft.Targets;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is frozen costs nothing: counted in bytes and matrix products, not read in the code. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class FrozenWeightsTest {
    private static final int RANK = 4;
    /** The golden base: layers, width, width of the MLP, heads. */
    private static final int LAYERS = 3, WIDTH = 48, INNER = 192, HEADS = 4;

    private final List<String> verbs = new ArrayList<>();
    private final List<Product> products = new ArrayList<>();
    private final Device device;
    private final Batch batch;

    /** A matrix product: what its result is for, and the result's size. */
    private record Product(Purpose purpose, int rows, int columns) {}

    FrozenWeightsTest() throws ReflectiveOperationException, IOException {
        batch = GoldenBase.batch();
        device = ObservedDevice.of(Devices.open("cpu", Precision.STRICT, 2), (verb, arguments) -> {
            verbs.add(verb);
            if (verb.equals("gemm")) {
                var c = (Matrix) arguments[0];
                products.add(new Product(c.data().purpose(), c.rows(), c.columns()));
            }
        });
    }

    @BeforeEach
    void forget() {
        verbs.clear();
        products.clear();
    }

    @AfterAll
    void close() {
        device.close();
    }

    private static Lora lora(Targets targets) {
        return new Lora(RANK, 8, 0, targets, LoraVariant.PLAIN);
    }

    private static Targets inLayers(Integer... layers) {
        return Targets.parse("all-linear", Set.of(layers));
    }

    private void trainOneStep(Subject subject) {
        try (var optimizer = subject.adamW(0)) {
            trainOneStep(subject, optimizer);
        }
    }

    private void trainOneStep(Subject subject, Optimizer optimizer) {
        new Training(1, 1, 1e-3f, new Schedule(Schedule.Kind.CONSTANT, 0, 1), 0, 1, false).run(subject.decoder(),
                optimizer, _ -> batch, 0, _ -> true);
    }

    // ---- memory of trainable parameters ------------------------------------------------------------------------------

    static Stream<Method> methods() {
        return Stream.of(lora(Targets.of("c_attn")), lora(Targets.of("all-linear")), lora(inLayers(1)),
                new Selection.BitFit(), new Selection.LastLayers(1), new Selection.Full());
    }

    @ParameterizedTest
    @MethodSource("methods")
    void gradientsAndOptimizerTakeTwelveBytesForEachTrainableNumber(Method method) throws IOException {
        try (var subject = Subject.of(device, method)) {
            long trainable = subject.adapter().size();
            var ledger = device.memory().ledger();
            try (var optimizer = subject.adamW(0)) {
                trainOneStep(subject, optimizer);
                assertThat(ledger.current(Purpose.GRADIENTS)).isEqualTo(4 * trainable);
                assertThat(ledger.current(Purpose.OPTIMIZER)).isEqualTo(8 * trainable);
            }
            long added = method instanceof Selection ? 0 : trainable;
            assertThat(ledger.current(Purpose.WEIGHTS))
                    .isEqualTo(4 * (subject.decoder().shape().parameters() + added));
            assertThat(subject.decoder().parameters()).allSatisfy((name, weight) -> assertThat(weight.requiresGrad())
                    .as(name).isEqualTo(subject.adapter().parameters().containsKey(name)));
        }
        assertThat(device.memory().ledger().current()).isZero();
    }

    // ---- work --------------------------------------------------------------------------------------------------------

    /** The products whose results are gradients of parameters. */
    private List<Product> weightGradients() {
        return products.stream().filter(product -> product.purpose == Purpose.GRADIENTS).toList();
    }

    private static List<Product> branchGradients(List<Linear> linears) {
        return linears.stream().flatMap(linear -> Stream.of(new Product(Purpose.GRADIENTS, RANK, linear.in()),
                new Product(Purpose.GRADIENTS, linear.out(), RANK))).toList();
    }

    /** Two of the branch for each of its two matrices, forward and backward, and of the frozen weights one each way. */
    @Test
    void loraMultipliesForWeightGradientsOnlyInItsBranches() throws IOException {
        try (var subject = Subject.of(device, lora(Targets.of("c_attn")))) {
            trainOneStep(subject);
            var targets = subject.decoder().linears().stream().filter(l -> l.name().endsWith("c_attn")).toList();
            assertThat(weightGradients()).containsExactlyInAnyOrderElementsOf(branchGradients(targets));
        }
        int forward = 4 * LAYERS + 2 * LAYERS + 1;
        // the output layer's input; each layer's, save the first's, below which nothing is trained
        int inputs = 1 + 4 * LAYERS - 1;
        int branches = 2 * LAYERS + LAYERS + LAYERS - 1;
        assertThat(products).hasSize(forward + inputs + branches);
    }

    @Test
    void nothingIsComputedBelowTheLowestTrainedLayer() throws IOException {
        try (var subject = Subject.of(device, lora(inLayers(LAYERS - 1)))) {
            trainOneStep(subject);
            assertThat(weightGradients()).containsExactlyInAnyOrderElementsOf(
                    branchGradients(subject.decoder().linears().stream()
                            .filter(l -> l.name().startsWith("h." + (LAYERS - 1) + ".")).toList()));
        }
        assertThat(verbs.stream().filter("attentionBackward"::equals)).hasSize(1);
        // the second of the last block, and the one behind it
        assertThat(verbs.stream().filter("layerNormBackward"::equals)).hasSize(2);
        assertThat(verbs).doesNotContain("layerNormParameterGradient", "gatherBackward");
    }

    @Test
    void bitFitMultipliesForNoWeightGradientAtAll() throws IOException {
        try (var subject = Subject.of(device, new Selection.BitFit())) {
            trainOneStep(subject);
        }
        assertThat(weightGradients()).isEmpty();
        assertThat(verbs).doesNotContain("layerNormParameterGradient", "gatherBackward");
    }

    @Test
    void lastLayersMultipliesForItsFourMatrices() throws IOException {
        try (var subject = Subject.of(device, new Selection.LastLayers(1))) {
            trainOneStep(subject);
        }
        assertThat(weightGradients()).containsExactlyInAnyOrder(new Product(Purpose.GRADIENTS, WIDTH, 3 * WIDTH),
                new Product(Purpose.GRADIENTS, WIDTH, WIDTH), new Product(Purpose.GRADIENTS, WIDTH, INNER),
                new Product(Purpose.GRADIENTS, INNER, WIDTH));
        assertThat(verbs.stream().filter("attentionBackward"::equals)).hasSize(1);
    }

    // ---- packed ------------------------------------------------------------------------------------------------------

    /** Where a CPU packs frozen matrices and gives their memory back, whoever reads or changes them sees the base's numbers. */
    @Test
    void aPackedBaseIsTheBaseStill() throws IOException {
        var changed = "h.1.mlp.c_fc.weight";
        try (var fast = Devices.open("cpu", Precision.FAST, 2);
                var subject = Subject.of(fast, lora(Targets.of("all-linear")))) {
            var parameters = subject.decoder().parameters();
            var before = Subject.values(parameters);
            trainOneStep(subject);
            assertThat(Subject.values(parameters)).usingRecursiveComparison().isEqualTo(before);
            var weight = parameters.get(changed);
            weight.change(() -> fast.scale(weight.data(), weight.data(), 2, false));
            trainOneStep(subject);
            var after = Subject.values(parameters);
            assertThat(after.get(changed)[5]).isEqualTo(2 * before.get(changed)[5]).isNotZero();
            subject.decoder().restore(changed);
            assertThat(Subject.values(parameters)).usingRecursiveComparison().isEqualTo(before);
        }
    }

    // ---- what is kept for backward -----------------------------------------------------------------------------------

    /** Bytes alive between forward and backward. */
    private long keptForBackward(Method method, boolean recompute) throws IOException {
        return measure(method, subject -> {
            var pass = Subject.pass(recompute);
            var loss = subject.decoder().loss(batch.sequences(), batch.labels(), 1, pass);
            assertThat(loss.requiresGrad()).isTrue();
            return loss;
        });
    }

    private long measure(Method method, Function<Subject, Tensor> forward) throws IOException {
        var ledger = device.memory().ledger();
        try (var subject = Subject.of(device, method); var _ = device.memory().scope()) {
            forward.apply(subject);
            assertThat(ledger.current(Purpose.WORKSPACE)).isZero();
            return ledger.current(Purpose.ACTIVATIONS);
        }
    }

    private int tokens() {
        return batch.sequences().tokens();
    }

    /** Layer norm keeps its input, and mean and deviation of each row. */
    private int norm() {
        return tokens() * (WIDTH + 2);
    }

    /** Loss, gradient and place of the labelled rows of the last hidden states; where each of the sequences lies. */
    private int loss() {
        int labels = batch.labelCount(0);
        return 1 + labels * (WIDTH + 1) + 3 * batch.sequences().count() + 1;
    }

    /** Attention keeps queries, keys and values, its output, and one number per head; GELU its input. */
    private int nonLinear() {
        return tokens() * (3 * WIDTH + WIDTH + HEADS + INNER);
    }

    /** A target's input is the output of a norm: made again from what the norm keeps, except where the norm keeps nothing. */
    @Test
    void loraKeepsAnInputOnlyWhereItCannotBeMadeAgain() throws IOException {
        int targets = tokens() * (WIDTH + LAYERS * RANK);
        int inBlocks = LAYERS * (nonLinear() + norm()) + (LAYERS - 1) * norm() + targets;
        assertThat(keptForBackward(lora(Targets.of("c_attn")), false)).isEqualTo(4L * (inBlocks + norm() + loss()));
    }

    /** The input of attention's output layer is what attention keeps anyway; that of the MLP's is made again from GELU's. */
    @Test
    void aTargetSharesItsInputWithWhoeverKeepsItToo() throws IOException {
        int targets = tokens() * (WIDTH + LAYERS * 4 * RANK);
        int inBlocks = LAYERS * (nonLinear() + norm()) + (LAYERS - 1) * norm() + targets;
        assertThat(keptForBackward(lora(Targets.of("all-linear")), false)).isEqualTo(4L * (inBlocks + norm() + loss()));
    }

    /** Of two branches beside one layer, the second keeps only its own product. */
    @Test
    void severalBranchesShareOneInput() throws IOException {
        var method = lora(Targets.of("c_attn"));
        long one = keptForBackward(method, false);
        long two = measure(method, subject -> {
            var second = method.attach(subject.decoder(), 8);
            var loss = subject.decoder().loss(batch.sequences(), batch.labels(), 1, Subject.pass(false));
            second.detach();
            return loss;
        });
        assertThat(two - one).isEqualTo(4L * LAYERS * tokens() * RANK);
    }

    @ParameterizedTest
    @ValueSource(strings = {"c_attn", "all-linear"})
    void recomputationKeepsOnlyTheStreamBetweenBlocks(String targets) throws IOException {
        int kept = LAYERS * tokens() * WIDTH + norm() + loss();
        assertThat(keptForBackward(lora(Targets.of(targets)), true)).isEqualTo(4L * kept);
    }

    @Test
    void nothingIsKeptInLayersBelowTheTrainedOne() throws IOException {
        int targets = tokens() * (WIDTH + 4 * RANK);
        assertThat(keptForBackward(lora(inLayers(LAYERS - 1)), false))
                .isEqualTo(4L * (nonLinear() + norm() + targets + norm() + loss()));
    }
}
