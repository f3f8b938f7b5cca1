package lorikeet.test;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import lorikeet.engine.Tensor;
import lorikeet.kernels.Device;
import lorikeet.kernels.Unary;
import lorikeet.peft.Adapter;
import lorikeet.peft.Bottleneck.Init;
import lorikeet.peft.Bottleneck.Place;
import lorikeet.peft.Dora;
import lorikeet.peft.Ia3;
import lorikeet.peft.Lora;
import lorikeet.peft.LoraBias;
import lorikeet.peft.LoraInit;
import lorikeet.peft.LoraVariant;
import lorikeet.peft.Method;
import lorikeet.peft.NamePattern;
import lorikeet.peft.PTuning;
import lorikeet.peft.ParallelAdapter;
import lorikeet.peft.PrefixTuning;
import lorikeet.peft.PromptTuning;
import lorikeet.peft.Selection;
import lorikeet.peft.SeriesAdapter;
import lorikeet.peft.Targets;
import lorikeet.test.reference.Activation;
import lorikeet.test.reference.ReferenceCase;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The gradient of every trainable number of a method, through the whole decoder, is what central differences of the
 * reference decoder say, which computes in doubles and shares no code with the engine.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class MethodGradientTest {
    /** Of the largest gradient in the same tensor. */
    private static final double TOLERANCE = 1e-4;
    private static final Set<Place> BOTH = Set.of(Place.values());

    private final TestDevices devices = new TestDevices();
    /** Central differences take long, and are the same for all devices. */
    private final Map<List<Object>, double[]> known = new HashMap<>();

    @AfterAll
    void close() {
        devices.close();
    }

    /** One or several methods in the engine, and the case of the reference that has their values. */
    private record Subjects(String reference, List<Method> methods) {
        static Subjects of(String reference, Method... methods) {
            return new Subjects(reference, List.of(methods));
        }

        @Override
        public String toString() {
            return reference + ": " + String.join(", ", methods.stream().map(Method::name).toList());
        }
    }

    private record Case(String on, Device device, ReferenceCase reference, Subjects subjects) {
        @Override
        public String toString() {
            return subjects + " on " + on;
        }
    }

    private static List<Subjects> subjects() {
        var all = new ArrayList<Subjects>();
        all.add(Subjects.of("full", new Selection.Full()));
        all.add(Subjects.of("full", new Selection.LastLayers(1)));
        all.add(Subjects.of("full", new Selection.BitFit()));
        all.add(Subjects.of("full", new Selection.LayerNorms()));
        all.add(Subjects.of("full, exact GELU, untied head, scaled by layer", new Selection.Full()));
        all.add(Subjects.of("full, ReLU", new Selection.LastLayers(2)));
        all.add(Subjects.of("full, SiLU", new Selection.LastLayers(2)));
        all.addAll(loras());
        all.add(Subjects.of("IA3", Ia3.USUAL));
        all.add(Subjects.of("prompt tuning", new PromptTuning(3, new PromptTuning.Init.Normal())));
        all.add(Subjects.of("prefix tuning", new PrefixTuning(3, false, 0, null)));
        all.add(Subjects.of("prefix tuning, projected", new PrefixTuning(3, true, 5, null)));
        all.add(Subjects.of("P-tuning, MLP", new PTuning(3, PTuning.Encoder.MLP, 5, 2, 0)));
        all.add(Subjects.of("P-tuning, LSTM", new PTuning(3, PTuning.Encoder.LSTM, 5, 2, 0)));
        for (var activation : Activation.values()) {
            all.add(Subjects.of("series adapters, " + activation,
                    new SeriesAdapter(3, TinyBase.activation(activation), 1, BOTH, true, Init.NEAR_IDENTITY)));
        }
        all.add(Subjects.of("series adapters after the MLP",
                new SeriesAdapter(3, Unary.TANH, 1, Set.of(Place.MLP), false, Init.NEAR_IDENTITY)));
        all.add(Subjects.of("parallel adapters", new ParallelAdapter(3, Unary.TANH, 4, BOTH, true, Init.IDENTITY)));
        all.add(Subjects.of("parallel adapters in the MLP",
                new ParallelAdapter(3, Unary.TANH, 1, Set.of(Place.MLP), false, Init.IDENTITY)));
        all.add(Subjects.of("LoRA, IA3, prefix and adapters together", new Lora(2, 3, Targets.of("c_attn")),
                new Ia3(Targets.of("attn.c_proj"), NamePattern.NONE), new PrefixTuning(2, false, 0, null),
                new SeriesAdapter(2, Unary.TANH, 1, BOTH, true, Init.NEAR_IDENTITY)));
        return all;
    }

    private static List<Subjects> loras() {
        var usual = LoraVariant.PLAIN;
        var attention = Targets.of("c_attn");
        return List.of(Subjects.of("LoRA", new Lora(2, 3, attention)),
                Subjects.of("LoRA", new Lora(2, 3, 0, attention, usual.withBias(LoraBias.LORA_ONLY))),
                Subjects.of("LoRA", new Lora(2, 3, 0, attention, usual.withBias(LoraBias.ALL))),
                Subjects.of("LoRA", new Lora(2, 3, 0, attention, usual.withInit(LoraInit.PISSA))),
                Subjects.of("LoRA everywhere, rsLoRA, own alpha",
                        new Lora(3, 2, 0, Targets.of("all-linear", "wte"), usual.withRsLora(true)
                                .withPatterns(Map.of("wte", 2), Map.of("h.1.mlp.c_fc", 5f)))),
                Subjects.of("LoRA on queries and values", new Lora(2, 4, Targets.of("c_attn.q", "c_attn.v"))),
                Subjects.of("DoRA", new Dora(new Lora(2, 3, Targets.of("all-linear")))),
                Subjects.of("DoRA",
                        new Dora(new Lora(2, 3, 0, Targets.of("all-linear"), usual.withBias(LoraBias.ALL)))));
    }

    private Stream<Case> cases() {
        var references = new LinkedHashMap<String, ReferenceCase>();
        ReferenceCase.all().forEach(reference -> references.put(reference.name(), reference));
        assertThat(subjects().stream().map(Subjects::reference)).containsAll(references.keySet());
        return devices.byName().entrySet().stream().flatMap(device -> subjects().stream()
                .map(subjects -> new Case(device.getKey(), device.getValue(), references.get(subjects.reference),
                        subjects)));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void agreesWithCentralDifferences(Case on) {
        var reference = on.reference;
        try (var decoder = TinyBase.load(on.device, reference.config(), reference.base())) {
            var adapters = on.subjects.methods.stream().map(method -> method.attach(decoder, 1)).toList();
            var trained = trained(adapters);
            trained.forEach((name, tensor) -> on.device.upload(tensor.data(),
                    TinyBase.floats(reference.parameters().get(TinyBase.referenceName(name)))));
            var base = Subject.values(decoder.parameters()); // PiSSA has changed it
            var actual = Subject.gradients(decoder, trained, TinyBase.batch(reference.batch()), Subject.pass(false));
            assertThat(trained.keySet().stream().map(TinyBase::referenceName)).containsAll(reference.adapter().keySet())
                    .doesNotHaveDuplicates();
            actual.byName().forEach((name, gradient) -> requireClose(name, gradient, expected(on, name, base)));
            adapters.reversed().forEach(Adapter::detach);
        }
    }

    private static Map<String, Tensor> trained(List<Adapter> adapters) {
        var trained = new LinkedHashMap<String, Tensor>();
        adapters.forEach(adapter -> trained.putAll(adapter.parameters()));
        return trained;
    }

    /** The derivative with respect to every number of one parameter. */
    private double[] expected(Case on, String name, Map<String, float[]> base) {
        var reference = on.reference;
        boolean changedBase = on.subjects.methods.stream()
                .anyMatch(method -> method instanceof Lora lora && lora.variant().init() == LoraInit.PISSA);
        return known.computeIfAbsent(List.of(reference.name(), TinyBase.referenceName(name), changedBase), _ -> {
            var parameters = reference.parameters();
            base.forEach((weight, values) -> parameters.put(TinyBase.referenceName(weight), TinyBase.doubles(values)));
            return IntStream.range(0, parameters.get(TinyBase.referenceName(name)).length)
                    .mapToDouble(i -> reference.decoder().derivative(parameters, TinyBase.referenceName(name), i,
                            reference.batch()))
                    .toArray();
        });
    }

    private static void requireClose(String name, float[] gradient, double[] expected) {
        double largest = Arrays.stream(expected).map(Math::abs).max().orElseThrow();
        assertThat(largest).as(name).isPositive();
        assertThat(gradient).as(name).hasSameSizeAs(expected);
        for (int i = 0; i < expected.length; i++) {
            assertThat(Math.abs(gradient[i] - expected[i])).as("%s[%d]", name, i)
                    .isLessThanOrEqualTo(TOLERANCE * largest);
        }
    }
}
