package lorikeet.test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Stream;
import lorikeet.engine.AdamWOptimizer;
import lorikeet.engine.Schedule;
import lorikeet.kernels.DType;
import lorikeet.kernels.Device;
import lorikeet.kernels.Devices;
import lorikeet.kernels.DryDevice;
import lorikeet.kernels.Ledger;
import lorikeet.kernels.Precision;
import lorikeet.kernels.Purpose;
import lorikeet.kernels.Unary;
import lorikeet.model.BundledBase;
import lorikeet.model.Decoder;
import lorikeet.model.ModelFolder;
import lorikeet.model.ModelShape;
import lorikeet.model.Presets;
import lorikeet.model.Training;
import lorikeet.model.data.Batch;
import lorikeet.model.data.Sequences;
import lorikeet.peft.Bottleneck;
import lorikeet.peft.Budget;
import lorikeet.peft.Dora;
import lorikeet.peft.Gpt3Table;
import lorikeet.peft.Ia3;
import lorikeet.peft.Lora;
import lorikeet.peft.LoraBias;
import lorikeet.peft.LoraVariant;
import lorikeet.peft.Method;
import lorikeet.peft.PTuning;
import lorikeet.peft.ParallelAdapter;
import lorikeet.peft.PrefixTuning;
import lorikeet.peft.PromptTuning;
import lorikeet.peft.Selection;
import lorikeet.peft.SeriesAdapter;
import lorikeet.peft.Targets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What is planned is what a real run takes, and parameters counted by formula are those that are there. */
class BudgetTest {
    private static final ModelShape GPT2 = Presets.of("gpt2").shape();

    private static Lora lora(String... targets) {
        return new Lora(8, 8, Targets.of(targets));
    }

    private static Lora withBiases(LoraBias bias) {
        return new Lora(4, 8, 0.1f, Targets.of("c_attn.q", "c_attn.v", "wte"), LoraVariant.PLAIN.withBias(bias));
    }

    private static Selection[] selections() {
        return new Selection[] {
            new Selection.Full(), new Selection.LastLayers(2), new Selection.BitFit(), new Selection.LayerNorms()};
    }

    private static Stream<Method> methods() {
        var places = Set.of(Bottleneck.Place.values());
        return Stream.concat(Stream.of(selections()), Stream.of(lora("all-linear"), lora("c_attn"),
                withBiases(LoraBias.ALL), new Lora(4, 8, 0, Targets.of("c_fc"),
                        LoraVariant.PLAIN.withBias(LoraBias.LORA_ONLY)),
                new Dora(lora("c_attn", "mlp.c_proj")), Ia3.USUAL,
                new PromptTuning(20, new PromptTuning.Init.Normal()), new PrefixTuning(20, false, 0, null),
                new PrefixTuning(20, true, 512, null), new PTuning(20, PTuning.Encoder.MLP, 0, 2, 0),
                new PTuning(20, PTuning.Encoder.LSTM, 16, 2, 0.1f),
                new SeriesAdapter(8, Unary.GELU_TANH, 1, places, true, Bottleneck.Init.NEAR_IDENTITY),
                new ParallelAdapter(8, Unary.RELU, 4, Set.of(Bottleneck.Place.MLP), false, Bottleneck.Init.IDENTITY)));
    }

    // ---- plan and ledger ---------------------------------------------------------------------------------------------

    static Stream<Arguments> runsOfTheGoldenBase() {
        var strict = methods().flatMap(method -> Stream.of(false, true).map(recompute -> Arguments.of(method,
                new Budget.Load(3, 30, recompute, Precision.STRICT))));
        var bf16 = Stream.of(new Selection.BitFit(), lora("all-linear"), withBiases(LoraBias.ALL), Ia3.USUAL)
                .map(method -> Arguments.of(method, new Budget.Load(3, 30, false, Precision.BF16)));
        var fast = Stream.of(lora("all-linear"), lora("c_attn"), new Selection.Full(), new Selection.LastLayers(1))
                .map(method -> Arguments.of(method, new Budget.Load(3, 30, false, Precision.FAST)));
        return Stream.of(strict, bf16, fast).flatMap(Function.identity());
    }

    @ParameterizedTest
    @MethodSource("runsOfTheGoldenBase")
    void thePlanIsWhatTheLedgerOfARealRunHolds(Method method, Budget.Load load) throws IOException {
        requireAgreement(ModelFolder.open(GoldenBase.FOLDER), method, load);
    }

    @ParameterizedTest
    @CsvSource({"full, false", "full, true", "lora, false", "lora, true", "prefix, false"})
    void thePlanOfTheBundledBaseToo(String name, boolean recompute) throws IOException {
        var method = switch (name) {
            case "full" -> new Selection.Full();
            case "lora" -> lora("all-linear");
            default -> new PrefixTuning(20, true, 512, null);
        };
        requireAgreement(ModelFolder.open(BundledBase.folder()), method,
                new Budget.Load(2, 50, recompute, Precision.FAST, Budget.Copies.here(Precision.FAST, false)));
    }

    private static void requireAgreement(ModelFolder folder, Method method, Budget.Load load) throws IOException {
        var planned = Budget.of(method, folder.config(), load);
        var measured = measured(folder, method, load);
        for (var purpose : List.of(Purpose.WEIGHTS, Purpose.GRADIENTS, Purpose.OPTIMIZER)) {
            assertThat(planned.bytes().get(purpose)).as(purpose.name()).isEqualTo(measured.peak(purpose));
        }
        long activations = measured.peak(Purpose.ACTIVATIONS);
        assertThat(planned.bytes().get(Purpose.ACTIVATIONS)).isCloseTo(activations, within(activations / 10));
        assertThat(planned.estimated()).isFalse();
    }

    /** The books of a CPU after two steps. */
    private static Ledger measured(ModelFolder folder, Method method, Budget.Load load) throws IOException {
        boolean half = load.precision() == Precision.BF16 && !(method instanceof Selection);
        try (var device = Devices.open("cpu", load.precision(), 2);
                var decoder = folder.load(device, half ? DType.BF16 : DType.F32, folder.config().dropouts())) {
            var adapter = method.attach(decoder, 7);
            var group = new AdamWOptimizer.Group(List.copyOf(adapter.parameters().values()), 0.01f, 1);
            try (var optimizer = new AdamWOptimizer(List.of(group), AdamWOptimizer.Settings.DEFAULT)) {
                device.memory().ledger().resetPeaks();
                var tokens = Sequences.of(Collections.nCopies(load.batch(), new int[load.length()]));
                new Training(2, 1, 1e-3f, new Schedule(Schedule.Kind.CONSTANT, 0, 2), 1, 1, load.recompute())
                        .run(decoder, optimizer, _ -> new Batch(tokens, tokens.ids()), 0, step -> {
                            assertThat(step.finite()).isTrue();
                            return true;
                        });
                return device.memory().ledger();
            }
        }
    }

    /** Moment by moment, a dry run is the step that the plan counts the most of. */
    @Test
    void theTimelineOfAPlanReachesWhatIsPlanned() throws IOException {
        var model = ModelFolder.open(GoldenBase.FOLDER).config();
        var tokens = Sequences.of(Collections.nCopies(3, new int[30]));
        var training = new Training(9, 1, 1e-3f, new Schedule(Schedule.Kind.CONSTANT, 0, 9), 1, 1, false);
        for (var method : List.of(new Selection.Full(), lora("all-linear"))) {
            var planned = Budget.of(method, model, new Budget.Load(3, 30, false, Precision.STRICT)).bytes();
            var timeline =
                    Budget.timeline(method, model, Precision.STRICT, training, _ -> new Batch(tokens, tokens.ids()));
            for (var purpose : Purpose.values()) {
                long most = timeline.stream().mapToLong(moment -> moment.bytes().get(purpose)).max().orElseThrow();
                assertThat(most).as(method + " " + purpose).isEqualTo(planned.get(purpose));
            }
            assertThat(timeline.stream().map(Ledger.Moment::phase).distinct())
                    .containsExactly("forward", "backward", "optimizer");
        }
    }

    @Test
    void theLargestBatchFitsAndTheNextDoesNot() {
        var model = Presets.of("gpt2-medium");
        var load = new Budget.Load(1, 512, false, Precision.BF16);
        int largest = Budget.largestBatch(lora("all-linear"), model, load, 24_000_000_000L);
        assertThat(largest).isGreaterThan(1);
        assertThat(total(largest)).isLessThanOrEqualTo(24_000_000_000L);
        assertThat(total(largest + 1)).isGreaterThan(24_000_000_000L);
        assertThat(Budget.largestBatch(lora("all-linear"), model, load, 1_000_000)).isZero();
    }

    private static long total(int batch) {
        return Budget.of(lora("all-linear"), Presets.of("gpt2-medium"),
                new Budget.Load(batch, 512, false, Precision.BF16)).total();
    }

    // ---- the lecture's sum -------------------------------------------------------------------------------------------

    /** In GB of 1e9 bytes. */
    @ParameterizedTest
    @CsvSource({"lecture-7b, 28.0, 56.0", "llama-7b, 27.0, 53.9", "mistral-7b, 29.0, 57.9"})
    void fullFineTuningOf7B(String model, double weights, double optimizer) {
        var budget = Budget.of(new Selection.Full(), Presets.of(model),
                new Budget.Load(1, 128, true, Precision.STRICT));
        assertThat(budget.bytes().get(Purpose.WEIGHTS) / 1e9).isCloseTo(weights, within(0.05));
        assertThat(budget.bytes().get(Purpose.GRADIENTS) / 1e9).isCloseTo(weights, within(0.05));
        assertThat(budget.bytes().get(Purpose.OPTIMIZER) / 1e9).isCloseTo(optimizer, within(0.05));
    }

    @ParameterizedTest
    @CsvSource({"gpt2, 124439808", "gpt2-medium, 354823168", "gpt2-large, 774030080", "gpt2-xl, 1557611200",
        "gpt3-175b, 174604259328", "lecture-7b, 7000000000", "llama-7b, 6738415616", "mistral-7b, 7241732096"})
    void parametersOfThePresets(String model, long parameters) {
        assertThat(Presets.of(model).shape().parameters()).isEqualTo(parameters);
    }

    // ---- counts ------------------------------------------------------------------------------------------------------

    static Stream<Arguments> countsOfGpt2() {
        return Stream.of(Arguments.of(lora("c_attn"), 294_912), Arguments.of(new Selection.BitFit(), 102_144),
                Arguments.of(new PromptTuning(20, new PromptTuning.Init.Normal()), 15_360),
                Arguments.of(new PrefixTuning(20, false, 0, null), 368_640),
                Arguments.of(new PrefixTuning(20, true, 512, null), 9_864_704),
                Arguments.of(new PTuning(20, PTuning.Encoder.MLP, 768, 2, 0), 1_787_136),
                Arguments.of(new PTuning(20, PTuning.Encoder.LSTM, 768, 2, 0), 27_174_144),
                Arguments.of(new PTuning(20, PTuning.Encoder.LSTM, 384, 2, 0), 8_286_720));
    }

    @ParameterizedTest
    @MethodSource("countsOfGpt2")
    void countsOfGpt2Small(Method method, long trainable) {
        assertThat(method.trainable(GPT2)).isEqualTo(trainable);
        assertThat(census(method, GPT2)).isEqualTo(trainable);
    }

    /** The shape of bloomz-560m as far as these methods see it; the figures are those that PEFT prints. */
    @Test
    void countsThatPeftPrints() {
        var bloomz = ModelShape.gpt2(250880, 2048, 1024, 24, 16);
        assertThat(new PTuning(20, PTuning.Encoder.MLP, 128, 2, 0).trainable(bloomz)).isEqualTo(300_288);
        assertThat(new PrefixTuning(20, false, 0, null).trainable(bloomz)).isEqualTo(983_040);
        assertThat(new PromptTuning(8, new PromptTuning.Init.Normal()).trainable(bloomz)).isEqualTo(8_192);
        assertThat(lora("q_proj", "v_proj").trainable(Presets.of("llama-7b").shape())).isEqualTo(4_194_304);
        assertThat(lora("all-linear").trainable(Presets.of("llama-7b").shape())).isEqualTo(19_988_480);
    }

    static Stream<Arguments> methodsOnShapes() {
        var untied = new ModelShape(101, 64, 24, 3, 4, 2, 40, Unary.RELU, false, ModelShape.Norm.LAYER_NORM, 1e-5f,
                ModelShape.Positions.LEARNED, true, false, true, false);
        return Stream.of(GPT2, Presets.of("gpt2-medium").shape(), untied)
                .flatMap(shape -> methods().map(method -> Arguments.of(method, shape)));
    }

    @ParameterizedTest
    @MethodSource("methodsOnShapes")
    void theFormulaIsTheCensus(Method method, ModelShape shape) {
        assertThat(method.trainable(shape)).isEqualTo(census(method, shape));
    }

    /** What is there to be trained once the method is attached. */
    private static long census(Method method, ModelShape shape) {
        try (var device = DryDevice.of(Precision.STRICT)) {
            return method.attach(decoder(device, shape), 1).size();
        }
    }

    private static Decoder decoder(Device device, ModelShape shape) {
        return Decoder.empty(device, shape, Presets.of("gpt2").dropouts(), DType.F32, false);
    }

    // ---- shapes that the decoder does not run ------------------------------------------------------------------------

    @Test
    void otherKindsOfModelArePlannedButNotRun() {
        var llama = Presets.of("llama-7b");
        assertThatIllegalArgumentException().isThrownBy(() -> decoder(DryDevice.of(Precision.STRICT), llama.shape()))
                .withMessageContaining("GPT-2's kind");
        var load = new Budget.Load(1, 128, false, Precision.BF16);
        for (var method : List.of(lora("q_proj", "v_proj"), lora("all-linear"), new Dora(lora("up_proj", "down_proj")),
                Ia3.USUAL_LLAMA, new PrefixTuning(20, true, 512, null), new Selection.LayerNorms())) {
            var budget = Budget.of(method, llama, load);
            assertThat(budget.estimated()).isTrue();
            long bytes = method instanceof Selection ? 4 : 2;
            long norms = (2 * 32 + 1) * 4096;
            assertThat(budget.bytes().get(Purpose.WEIGHTS)).as(method.name())
                    .isEqualTo(bytes * (6_738_415_616L - norms) + 4 * (norms + budget.added()));
            assertThat(budget.bytes().get(Purpose.GRADIENTS)).isEqualTo(4 * budget.trainable());
            assertThat(budget.bytes().get(Purpose.ACTIVATIONS)).isBetween(32L * 128 * 4096 * 4 * 8, 5_000_000_000L);
        }
        assertThatIllegalArgumentException().isThrownBy(() -> Budget.of(new Selection.BitFit(), llama, load))
                .withMessageContaining("nothing that the method trains");
    }

    // ---- the paper's table -------------------------------------------------------------------------------------------

    @Test
    void theTableOfTheLoraPaper() {
        assertThat(Gpt3Table.rows()).extracting(Gpt3Table.Row::count).containsExactly(174_604_259_328L, 12_988_416L,
                3_244_032L, 18_874_368L, 7_078_080L, 40_109_568L, 4_718_592L, 37_748_736L);
        assertThat(Gpt3Table.rows()).filteredOn(row -> !row.agrees()).extracting(Gpt3Table.Row::name)
                .containsExactly("FT", "BitFit", "PreLayer");
        assertThat(Gpt3Table.rows()).allMatch(row -> row.agrees() == row.remark().isEmpty());
    }
}
