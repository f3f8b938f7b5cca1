package lorikeet.test;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.IntStream;
import lorikeet.engine.SgdOptimizer;
import lorikeet.kernels.DType;
import lorikeet.kernels.Device;
import lorikeet.model.Decoder;
import lorikeet.model.data.Batch;
import lorikeet.model.data.Example;
import lorikeet.peft.Adapter;
import lorikeet.peft.AdapterFolder;
import lorikeet.peft.Method;
import lorikeet.test.reference.GptConfig;
import lorikeet.test.reference.RandomWeights;

/** One method on very small random decoders of one device, for one property: what the property's check works with. */
final class Trial implements AutoCloseable {
    private static final long SEED = 7;
    /** Width, layers, heads and the rest small enough that a check takes milliseconds. */
    private static final GptConfig TIED = GptConfig.gpt2(13, 24, 12, 2, 3);

    final Device device;
    final Method method;
    /** An empty folder. */
    final Path folder;
    /** Three sequences, one of them shorter. */
    final Batch batch;
    private final List<Example> examples;
    private final GptConfig config;
    private final Map<String, double[]> weights;
    private final List<Subject> open = new ArrayList<>();
    /** Bytes in use. */
    private final long before;

    /** @param tied whether the decoder's output layer is its token embedding */
    Trial(Device device, Method method, boolean tied, Path folder) {
        this.device = device;
        this.method = method;
        this.folder = folder;
        before = device.memory().ledger().current();
        config = tied ? TIED : TIED.withUntiedHead();
        var random = new RandomWeights(config, 1);
        weights = random.base().take();
        examples = TinyBase.examples(random.batch(3, 7));
        batch = Batch.of(examples);
    }

    // ---- subjects ----------------------------------------------------------------------------------------------------

    /** Always the same decoder, all of it trainable, as it comes from a folder; the caller closes it. */
    Decoder base() {
        return base(device);
    }

    Decoder base(Device on) {
        return TinyBase.load(on, config, weights);
    }

    /** The decoder with the method as it starts. */
    Subject fresh() {
        return attached(method);
    }

    Subject attached(Method other) {
        var decoder = base();
        var subject = new Subject(decoder, other.attach(decoder, SEED));
        open.add(subject);
        return subject;
    }

    /** The decoder with the method as if it had learned something: no number is at its first value. */
    Subject learned() {
        var subject = fresh();
        disturb(subject.adapter(), 2);
        return subject;
    }

    /** The decoder with its weights rounded to bf16, stored as {@code matrices}, and the method as if it had learned. */
    Subject onBf16(DType matrices) {
        var rounded = new TreeMap<String, double[]>();
        weights.forEach((name, values) -> rounded.put(name, Arrays.stream(values)
                .map(value -> Float.intBitsToFloat(Float.floatToIntBits((float) value) & 0xFFFF0000)).toArray()));
        var decoder = TinyBase.load(device, config, rounded, matrices);
        var subject = new Subject(decoder, method.attach(decoder, SEED));
        open.add(subject);
        disturb(subject.adapter(), 2);
        return subject;
    }

    /** What a folder holds, on a decoder of its own. */
    Subject loaded(Path from) throws IOException {
        var decoder = base();
        try {
            var subject = new Subject(decoder, AdapterFolder.load(from, decoder));
            open.add(subject);
            return subject;
        } catch (IOException | RuntimeException e) {
            decoder.close();
            throw e;
        }
    }

    static void disturb(Adapter adapter, long seed) {
        var random = new Random(seed);
        adapter.parameters().values().forEach(tensor -> {
            var values = tensor.toArray();
            for (int i = 0; i < values.length; i++) {
                values[i] += (float) (0.2 * random.nextGaussian());
            }
            tensor.device().upload(tensor.data(), values);
        });
    }

    @Override
    public void close() {
        open.forEach(Subject::close);
        assertThat(device.memory().ledger().current()).as("bytes in use in the end").isEqualTo(before);
    }

    // ---- what is asked of them -----------------------------------------------------------------------------------------

    float[] logits(Subject subject) {
        return subject.logits(batch);
    }

    float[] logits(Decoder decoder) {
        return Subject.logits(decoder, batch);
    }

    float[] logits(Decoder decoder, Batch other) {
        return Subject.logits(decoder, other);
    }

    List<Example> examples() {
        return examples;
    }

    int vocabulary() {
        return config.vocabulary();
    }

    /** Those of one sequence among the logits of the batch. */
    float[] rows(float[] logits, int sequence) {
        var offsets = batch.sequences().offsets();
        return Arrays.copyOfRange(logits, offsets[sequence] * vocabulary(), offsets[sequence + 1] * vocabulary());
    }

    float[] baseLogits() {
        try (var decoder = base()) {
            return logits(decoder);
        }
    }

    Subject.Gradients gradients(Subject subject, boolean recompute) {
        return subject.gradients(batch, Subject.pass(recompute));
    }

    /** Steps of plain gradient descent; the losses before each. */
    float[] train(Subject subject, int steps) {
        var losses = new float[steps];
        try (var optimizer = new SgdOptimizer(List.copyOf(subject.adapter().parameters().values()), 0)) {
            for (int step = 0; step < steps; step++) {
                try (var _ = device.memory().scope()) {
                    float factor = 1f / batch.labelCount(subject.decoder().promptLength());
                    var loss = subject.decoder().loss(batch.sequences(), batch.labels(), factor, Subject.pass(false));
                    loss.backward();
                    losses[step] = optimizer.step(loss, 0.05f, 0).loss();
                }
            }
        }
        return losses;
    }

    /** All parameters of the base, bit for bit. */
    static Map<String, float[]> weights(Decoder decoder) {
        return Subject.values(decoder.parameters());
    }

    static void requireSame(Map<String, float[]> actual, Map<String, float[]> expected) {
        assertThat(actual.keySet()).isEqualTo(expected.keySet());
        expected.forEach((name, values) -> assertThat(Arrays.mismatch(actual.get(name), values)).as(name)
                .isEqualTo(-1));
    }

    static void requireSame(float[] actual, float[] expected) {
        assertThat(actual).hasSameSizeAs(expected);
        assertThat(Arrays.mismatch(actual, expected)).isEqualTo(-1);
    }

    /** Largest difference over largest expected number. */
    static double difference(float[] actual, float[] expected) {
        assertThat(actual).hasSameSizeAs(expected);
        double largest =
                IntStream.range(0, expected.length).mapToDouble(i -> Math.abs(expected[i])).max().orElseThrow();
        return IntStream.range(0, expected.length).mapToDouble(i -> Math.abs(actual[i] - expected[i])).max()
                .orElseThrow() / Math.max(largest, Float.MIN_NORMAL);
    }

    /** Other orders of summation at most. */
    static void requireClose(float[] actual, float[] expected) {
        assertThat(difference(actual, expected)).isLessThan(1e-5);
    }

    static void requireDifferent(float[] actual, float[] expected) {
        assertThat(difference(actual, expected)).isGreaterThan(1e-3);
    }
}
