package lorikeet.test;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import lorikeet.engine.Shape;
import lorikeet.engine.Tensor;
import lorikeet.kernels.Device;
import lorikeet.kernels.Unary;
import lorikeet.model.Decoder;
import lorikeet.model.Dropouts;
import lorikeet.model.ModelConfig;
import lorikeet.model.ModelShape;
import lorikeet.model.data.Batch;
import lorikeet.model.data.Example;
import lorikeet.peft.Bottleneck.Init;
import lorikeet.peft.Bottleneck.Place;
import lorikeet.peft.Method;
import lorikeet.peft.PTuning;
import lorikeet.peft.ParallelAdapter;
import lorikeet.peft.PrefixTuning;
import lorikeet.peft.PromptTuning;
import lorikeet.peft.SeriesAdapter;
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

    private final TestDevices devices = new TestDevices();

    @AfterAll
    void close() {
        devices.close();
    }

    /** A reference case and the same method in the engine. */
    private record Case(String on, Device device, ReferenceCase reference, Method method) {
        @Override
        public String toString() {
            return reference + " on " + on;
        }
    }

    /** By names of {@link ReferenceCase#all}. */
    private static Map<String, Method> methods() {
        var both = Set.of(Place.values());
        var methods = new LinkedHashMap<String, Method>();
        methods.put("prompt tuning", new PromptTuning(3, new PromptTuning.Init.Normal()));
        methods.put("prefix tuning", new PrefixTuning(3, false, 0, null));
        methods.put("prefix tuning, projected", new PrefixTuning(3, true, 5, null));
        methods.put("P-tuning, MLP", new PTuning(3, PTuning.Encoder.MLP, 5, 2, 0));
        methods.put("P-tuning, LSTM", new PTuning(3, PTuning.Encoder.LSTM, 5, 2, 0));
        for (var activation : Activation.values()) {
            methods.put("series adapters, " + activation,
                    new SeriesAdapter(3, activation(activation), 1, both, true, Init.NEAR_IDENTITY));
        }
        methods.put("series adapters after the MLP",
                new SeriesAdapter(3, Unary.TANH, 1, Set.of(Place.MLP), false, Init.NEAR_IDENTITY));
        methods.put("parallel adapters", new ParallelAdapter(3, Unary.TANH, 4, both, true, Init.IDENTITY));
        methods.put("parallel adapters in the MLP",
                new ParallelAdapter(3, Unary.TANH, 1, Set.of(Place.MLP), false, Init.IDENTITY));
        return methods;
    }

    private static Unary activation(Activation activation) {
        return ModelConfig.activation(activation.name().toLowerCase(Locale.ROOT));
    }

    private Stream<Case> cases() {
        var references = new LinkedHashMap<String, ReferenceCase>();
        ReferenceCase.all().forEach(reference -> references.put(reference.name(), reference));
        return devices.byName().entrySet().stream().flatMap(device -> methods().entrySet().stream().map(
                method -> new Case(device.getKey(), device.getValue(), references.get(method.getKey()),
                        method.getValue())));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void agreesWithCentralDifferences(Case on) {
        var reference = on.reference;
        var parameters = reference.parameters();
        try (var subject = subject(on)) {
            var actual = subject.gradients(batch(reference), Subject.pass(false)).byName();
            assertThat(actual.keySet().stream().map(MethodGradientTest::referenceName))
                    .containsExactlyInAnyOrderElementsOf(reference.adapter().keySet());
            actual.forEach((name, gradient) -> {
                var expected = IntStream.range(0, gradient.length).mapToDouble(i -> reference.decoder()
                        .derivative(parameters, referenceName(name), i, reference.batch())).toArray();
                double largest = Arrays.stream(expected).map(Math::abs).max().orElseThrow();
                assertThat(largest).as(name).isPositive();
                for (int i = 0; i < expected.length; i++) {
                    assertThat(Math.abs(gradient[i] - expected[i])).as("%s[%d]", name, i)
                            .isLessThanOrEqualTo(TOLERANCE * largest);
                }
            });
        }
    }

    /** The case's base with the case's method and values. */
    private static Subject subject(Case on) {
        var config = on.reference.config();
        var shape = ModelShape.gpt2(config.vocabulary(), config.positions(), config.width(), config.layers(),
                config.heads());
        var base = new LinkedHashMap<String, Tensor>();
        on.reference.base().forEach((name, values) -> base.put(name.replaceFirst("^transformer\\.", ""),
                Tensor.parameter(on.device, shapeOf(name, values.length, config.width()), floats(values)).freeze()));
        var decoder = new Decoder(on.device, shape, Dropouts.NONE, base, (_, _) -> {});
        var adapter = on.method.attach(decoder, 1);
        adapter.parameters().forEach((name, tensor) -> on.device.upload(tensor.data(),
                floats(on.reference.adapter().get(referenceName(name)))));
        return new Subject(decoder, adapter);
    }

    /** Matrices of the base have the model's width, or a multiple of it, on one side. */
    private static Shape shapeOf(String name, int size, int width) {
        if (name.endsWith(".bias") || name.contains("ln_")) {
            return Shape.of(size);
        }
        int in = name.endsWith("mlp.c_proj.weight") ? 4 * width : width;
        return name.contains("wte") || name.contains("wpe") ? Shape.of(size / width, width) : Shape.of(in, size / in);
    }

    private static Batch batch(ReferenceCase reference) {
        var padded = reference.batch();
        var examples = new ArrayList<Example>();
        for (int s = 0; s < padded.sequences(); s++) {
            int length = Arrays.stream(padded.mask()[s]).sum();
            examples.add(
                    new Example(Arrays.copyOf(padded.ids()[s], length), Arrays.copyOf(padded.labels()[s], length)));
        }
        return Batch.of(List.copyOf(examples));
    }

    private static String referenceName(String name) {
        return name.startsWith("h.") ? "transformer." + name : name;
    }

    private static float[] floats(double[] values) {
        var narrow = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            narrow[i] = (float) values[i];
        }
        return narrow;
    }
}
