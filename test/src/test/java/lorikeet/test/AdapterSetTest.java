package lorikeet.test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import lorikeet.engine.Tensor;
import lorikeet.kernels.Device;
import lorikeet.kernels.Devices;
import lorikeet.kernels.Precision;
import lorikeet.model.Decoder;
import lorikeet.model.Generation;
import lorikeet.model.data.Batch;
import lorikeet.model.data.Example;
import lorikeet.peft.Adapter;
import lorikeet.peft.AdapterFolder;
import lorikeet.peft.AdapterSet;
import lorikeet.peft.Dora;
import lorikeet.peft.Ia3;
import lorikeet.peft.Lora;
import lorikeet.peft.LoraInit;
import lorikeet.peft.LoraVariant;
import lorikeet.peft.Mergeable;
import lorikeet.peft.Method;
import lorikeet.peft.Selection;
import lorikeet.peft.Targets;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Several adapters on one model: switched, stacked, removed, and mixed in one batch. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class AdapterSetTest {
    private static final Lora LORA = new Lora(4, 8, Targets.of("c_attn", "mlp.c_proj"));
    private static final int NO_TOKEN = -1;

    private final Device device = Devices.open("cpu", Precision.STRICT, 2);
    private Decoder decoder;
    private AdapterSet set;
    private Batch batch;
    private Map<String, float[]> base;
    private float[] baseLogits;
    private long bytes;

    @BeforeEach
    void open() throws IOException {
        decoder = GoldenBase.load(device);
        decoder.freeze();
        batch = GoldenBase.batch();
        set = new AdapterSet(decoder);
        base = Subject.values(decoder.parameters());
        baseLogits = logits();
        bytes = device.memory().ledger().current();
    }

    /** However a test has used them, closing the set leaves the base alone, bit for bit, and all memory free. */
    @AfterEach
    void close() {
        set.close();
        assertThat(Subject.values(decoder.parameters())).usingRecursiveComparison().isEqualTo(base);
        assertThat(logits()).isEqualTo(baseLogits);
        assertThat(device.memory().ledger().current()).isEqualTo(bytes);
        decoder.close();
    }

    @AfterAll
    void closeDevice() {
        device.close();
    }

    static Stream<Method> methods() {
        return Stream.of(LORA, new Lora(3, 6, Targets.of("c_attn.q", "c_attn.v")), new Lora(3, 2, Targets.of("wte")),
                new Lora(2, 4, 0, Targets.of("c_fc"), LoraVariant.PLAIN.withInit(LoraInit.PISSA)), new Dora(LORA),
                Ia3.USUAL, new Selection.BitFit(), new Selection.LayerNorms());
    }

    /** Of those that leave the base's own numbers alone. */
    static Stream<Method> besideTheBase() {
        return Stream.of(LORA, new Lora(3, 6, Targets.of("c_attn.q", "c_attn.v")), new Lora(3, 2, Targets.of("wte")),
                new Dora(LORA), Ia3.USUAL);
    }

    private float[] logits() {
        return Subject.logits(decoder, batch);
    }

    /** Attaches a method and gives its parameters values that matter. */
    private Adapter attach(String name, Method method) {
        var adapter = set.attach(name, method, 7);
        disturb(adapter, name.hashCode());
        return adapter;
    }

    private static void disturb(Adapter adapter, long seed) {
        var random = new Random(seed);
        adapter.parameters().values().forEach(tensor -> {
            var values = tensor.toArray();
            for (int i = 0; i < values.length; i++) {
                values[i] += (float) (0.2 * random.nextGaussian());
            }
            tensor.device().upload(tensor.data(), values);
        });
    }

    private static double difference(float[] a, float[] b) {
        assertThat(a).hasSameSizeAs(b);
        return IntStream.range(0, a.length).mapToDouble(i -> Math.abs(a[i] - b[i])).reduce(0, Math::max);
    }

    @ParameterizedTest
    @MethodSource("methods")
    void switchingAwayAndBackReproducesEveryBit(Method method) {
        attach("first", method);
        var first = logits();
        attach("second", LORA);
        var second = logits();
        assertThat(set.used()).containsExactly("second");
        assertThat(difference(first, second)).isGreaterThan(1e-2);
        assertThat(difference(first, baseLogits)).isGreaterThan(1e-2);

        set.use("first");
        assertThat(logits()).isEqualTo(first);
        set.use();
        assertThat(logits()).isEqualTo(baseLogits);
        set.use("second");
        assertThat(logits()).isEqualTo(second);
        set.remove("first");
        assertThat(logits()).isEqualTo(second);
        assertThat(set.adapters()).containsOnlyKeys("second");
    }

    @Test
    void stackedAdaptersAddUp() {
        var first = new Lora(4, 8, Targets.of("h.2.mlp.c_proj"));
        attach("first", first);
        var one = difference(logits(), baseLogits);
        attach("second", first);
        set.use("first", "second");
        var both = logits();
        assertThat(one).isPositive();

        // one LoRA of twice the rank does the same
        var joined = set.attach("joined", new Lora(8, 16, Targets.of("h.2.mlp.c_proj")), 1);
        var a = new ArrayList<Float>();
        for (var name : List.of("first", "second")) {
            for (float value : set.get(name).parameters().get("h.2.mlp.c_proj.lora_A.weight").toArray()) {
                a.add(value);
            }
        }
        upload(joined, "h.2.mlp.c_proj.lora_A.weight", floats(a));
        var b1 = set.get("first").parameters().get("h.2.mlp.c_proj.lora_B.weight").toArray();
        var b2 = set.get("second").parameters().get("h.2.mlp.c_proj.lora_B.weight").toArray();
        var b = new float[b1.length * 2];
        for (int i = 0; i < b1.length; i++) {
            b[i / 4 * 8 + i % 4] = b1[i];
            b[i / 4 * 8 + 4 + i % 4] = b2[i];
        }
        upload(joined, "h.2.mlp.c_proj.lora_B.weight", b);
        assertThat(difference(logits(), both)).isLessThan(1e-5);
    }

    private static float[] floats(List<Float> values) {
        var array = new float[values.size()];
        for (int i = 0; i < array.length; i++) {
            array[i] = values.get(i);
        }
        return array;
    }

    private static void upload(Adapter adapter, String name, float[] values) {
        var tensor = adapter.parameters().get(name);
        tensor.device().upload(tensor.data(), values);
    }

    @Test
    void severalMergedAdaptersComeOutInAnyOrder() {
        var first = (Mergeable) attach("first", LORA);
        var second = (Mergeable) attach("second", new Dora(LORA));
        var third = (Mergeable) attach("third", Ia3.USUAL);
        set.use("first");
        var alone = logits();
        first.merge();
        var merged = Subject.values(decoder.parameters());
        assertThat(difference(logits(), alone)).isLessThan(1e-4);
        second.merge();
        third.merge();
        second.unmerge();
        second.unplug();
        third.unmerge();
        third.unplug();
        assertThat(Subject.values(decoder.parameters())).usingRecursiveComparison().isEqualTo(merged);
    }

    @Test
    void whatCannotBeAttachedLeavesEverythingAsItWas(@TempDir Path folder) throws IOException {
        attach("first", LORA);
        var before = logits();
        AdapterFolder.save(folder, set.get("first"), "base");
        assertThatThrownBy(() -> set.attach("second", new Lora(4, 8, Targets.of("c_attn", "q_proj")), 1))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("q_proj");
        var tooLarge = new Lora(49, 8, 0, Targets.of("c_attn"), LoraVariant.PLAIN.withInit(LoraInit.PISSA));
        assertThatThrownBy(() -> set.attach("second", tooLarge, 1)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("49");
        assertThatThrownBy(() -> set.load("second", folder.resolve("nowhere"))).isInstanceOf(IOException.class);
        assertThatThrownBy(() -> set.load("first", folder)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("\"first\" is there already");
        assertThatThrownBy(() -> set.load(AdapterSet.BASE, folder)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> set.use("third")).hasMessageContaining("no adapter \"third\"")
                .hasMessageContaining("first");
        assertThat(set.adapters()).containsOnlyKeys("first");
        assertThat(set.used()).containsExactly("first");
        assertThat(logits()).isEqualTo(before);
        assertThat(difference(Subject.values(set.load("second", folder).parameters()).values().iterator().next(),
                Subject.values(set.get("first").parameters()).values().iterator().next())).isZero();
        assertThat(logits()).isEqualTo(before);
    }

    @Test
    void onlyOneInUseMayChangeTheBase() {
        attach("biases", new Selection.BitFit());
        attach("norms", new Selection.LayerNorms());
        attach("lora", LORA);
        var before = logits();
        assertThatThrownBy(() -> set.use("biases", "norms")).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> set.use("lora", "lora")).isInstanceOf(IllegalArgumentException.class);
        assertThat(logits()).isEqualTo(before);
        set.use("biases", "lora");
        assertThat(difference(logits(), before)).isGreaterThan(1e-3);
        assertThatThrownBy(() -> set.mix(List.of("biases", "lora", "base")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("\"biases\" changes the base");
        assertThat(set.used()).containsExactly("biases", "lora");
    }

    // ---- one batch, several adapters -------------------------------------------------------------------------------

    /** Rows of one sequence in the logits of the batch. */
    private float[] rows(float[] logits, int sequence) {
        int vocabulary = decoder.shape().vocabulary();
        var offsets = batch.sequences().offsets();
        return Arrays.copyOfRange(logits, offsets[sequence] * vocabulary, offsets[sequence + 1] * vocabulary);
    }

    @ParameterizedTest
    @MethodSource("besideTheBase")
    void eachSequenceOfABatchUsesItsOwn(Method method) {
        attach("first", method);
        var first = logits();
        attach("second", new Lora(4, 8, Targets.of("c_fc", "c_attn")));
        var second = logits();
        var ofNames = Map.of("first", first, "second", second, "base", baseLogits);
        for (var names : List.of(List.of("first", "base", "second"), List.of("base", "first", "first"),
                List.of("second", "second", "first"), List.of("base", "base", "base"))) {
            set.mix(names);
            assertThat(set.used()).isEmpty();
            var mixed = logits();
            for (int s = 0; s < 3; s++) {
                assertThat(difference(rows(mixed, s), rows(ofNames.get(names.get(s)), s))).as("%s, %d", names, s)
                        .isLessThan(1e-5);
            }
        }
        set.use("second");
        assertThat(logits()).isEqualTo(second);
        set.mix(List.of("second", "first", "base"));
        set.use("first");
        assertThat(logits()).isEqualTo(first);
    }

    @Test
    void mixedBatchesGenerateAndTrain() throws IOException {
        var crowded = IntStream.range(0, 60).toArray(); // leaves room for four
        var prompts = List.of(crowded, new int[] {9, 10, 11}, crowded);
        var first = attach("first", LORA);
        var texts = new ArrayList<int[]>();
        texts.add(Generation.continueGreedily(decoder, prompts.subList(0, 1), 8, NO_TOKEN).getFirst());
        var second = attach("second", Ia3.USUAL);
        texts.add(Generation.continueGreedily(decoder, prompts.subList(1, 2), 8, NO_TOKEN).getFirst());
        set.use();
        texts.add(Generation.continueGreedily(decoder, prompts.subList(2, 3), 8, NO_TOKEN).getFirst());
        assertThat(texts.get(0)).isNotEqualTo(texts.get(2));
        set.mix(List.of("first", "second", "base"));
        var mixed = Generation.continueGreedily(decoder, prompts, 8, NO_TOKEN);
        for (int s = 0; s < 3; s++) {
            assertThat(mixed.get(s)).isEqualTo(texts.get(s));
        }
        assertThatThrownBy(() -> Generation.continueGreedily(decoder, prompts.subList(0, 2), 8, NO_TOKEN))
                .hasMessageContaining("chosen for 3 sequences, but the batch has 2");

        // each adapter's gradient comes from its own sequences alone
        var together = gradients(first, GoldenBase.examples(), false);
        assertThat(gradients(first, GoldenBase.examples(), true)).usingRecursiveComparison().isEqualTo(together);
        assertThat(gradients(second, GoldenBase.examples(), false)).isNotEmpty();
        set.use("first");
        var alone = gradients(first, GoldenBase.examples().subList(0, 1), false);
        together.forEach((name, gradient) -> assertThat(difference(gradient, alone.get(name)))
                .isLessThan(1e-5 * largest(alone.get(name))));
    }

    /** Of the summed loss of these examples. */
    private Map<String, float[]> gradients(Adapter of, List<Example> examples, boolean recompute) {
        var joined = Batch.of(examples);
        try (var _ = device.memory().scope()) {
            decoder.loss(joined.sequences(), joined.labels(), 1, Subject.pass(recompute)).backward();
            var gradients = new TreeMap<String, float[]>();
            of.parameters().forEach((name, tensor) -> gradients.put(name, device.downloadFloats(tensor.gradient())));
            set.adapters().values().forEach(adapter -> adapter.parameters().values().forEach(
                    Tensor::zeroGradient));
            return gradients;
        }
    }

    private static double largest(float[] values) {
        return IntStream.range(0, values.length).mapToDouble(i -> Math.abs(values[i])).max().orElseThrow();
    }
}
