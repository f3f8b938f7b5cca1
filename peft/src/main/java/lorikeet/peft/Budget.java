package lorikeet.peft;

import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;
import java.util.function.LongFunction;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import lorikeet.engine.AdamWOptimizer;
import lorikeet.engine.Schedule;
import lorikeet.kernels.DType;
import lorikeet.kernels.DryDevice;
import lorikeet.kernels.Ledger;
import lorikeet.kernels.Precision;
import lorikeet.kernels.Purpose;
import lorikeet.kernels.cpu.Packing;
import lorikeet.model.Decoder;
import lorikeet.model.Dropouts;
import lorikeet.model.ModelConfig;
import lorikeet.model.ModelShape;
import lorikeet.model.Training;
import lorikeet.model.data.Batch;
import lorikeet.model.data.Sequences;

/**
 * What it takes to fine-tune a model with a method, known beforehand.
 *
 * <pre>
 * weights      4 bytes for each parameter of the base and of the method; 2 for frozen matrices in bf16, and for each
 *              packed copy of one that a CPU with AMX makes in precision FAST: the most that two training steps hold
 * gradients    4 bytes for each trainable parameter
 * optimizer    8 bytes for each trainable parameter: Adam's two running averages
 * activations  the most that two training steps of the decoder itself book in a dry run
 * workspace    likewise; the scratch space of a device's verbs and libraries comes on top
 * </pre>
 *
 * A shape that is not GPT-2's kind cannot be run, even dry: there the activations are those of {@link ModelShape#asGpt2}, and
 * packed copies are not counted.
 *
 * @param parameters of the base
 * @param added      parameters of the method that the base does not have
 * @param trainable  parameters that are trained
 * @param bytes      by purpose, the most of each; activations and workspace need not be at their most at the same time
 * @param estimated  whether activations are those of a similar model
 */
public record Budget(long parameters, long added, long trainable, Map<Purpose, Long> bytes, boolean estimated) {

    /**
     * How it is trained.
     *
     * @param batch     sequences that go through the model together
     * @param length    tokens in each, all of which are learned
     * @param recompute whether blocks compute their inner values again in backward instead of keeping them
     * @param copies    what becomes of frozen matrices
     */
    public record Load(int batch, int length, boolean recompute, Precision precision, Copies copies) {
        /** On this machine's CPU, with a base whose file holds F32. */
        public Load(int batch, int length, boolean recompute, Precision precision) {
            this(batch, length, recompute, precision, Copies.here(precision, true));
        }

        public Load {
            if (batch < 1 || length < 2) {
                throw new IllegalArgumentException(
                        "at least 1 sequence of at least 2 tokens, not " + batch + " of " + length);
            }
        }

        Load withBatch(int changed) {
            return new Load(changed, length, recompute, precision, copies);
        }
    }

    /** What a device keeps of a frozen F32 matrix: see {@link Packing}. */
    public enum Copies {
        /** The matrix alone. */
        NONE,
        /** The matrix and its packed copies. */
        BESIDE,
        /** Its packed copies alone, since the file that it was read from holds it. */
        INSTEAD;

        /**
         * What this machine's CPU keeps.
         *
         * @param inFile whether the base's file holds F32
         */
        public static Copies here(Precision precision, boolean inFile) {
            return Packing.here(precision) == null ? NONE : inFile ? INSTEAD : BESIDE;
        }
    }

    /** @throws IllegalArgumentException if the method does not fit the model, or the sequences do not fit its context */
    public static Budget of(Method method, ModelConfig model, Load load) {
        var shape = model.shape();
        long trainable = method.trainable(shape);
        if (trainable == 0) {
            throw new IllegalArgumentException(method.name() + ": this model has nothing that the method trains");
        }
        long added = trainable - method.trainableOfBase(shape);
        var bytes = new EnumMap<Purpose, Long>(Purpose.class);
        var books = dryRun(method.asGpt2(shape), shape.asGpt2(), model.dropouts(), load);
        bytes.put(Purpose.ACTIVATIONS, books.peak(Purpose.ACTIVATIONS));
        bytes.put(Purpose.WORKSPACE, books.peak(Purpose.WORKSPACE));
        bytes.put(Purpose.WEIGHTS, shape.isGpt2()
                ? books.peak(Purpose.WEIGHTS)
                : baseBytes(shape, matrices(method, load.precision)) + 4 * added);
        bytes.put(Purpose.GRADIENTS, 4 * trainable);
        bytes.put(Purpose.OPTIMIZER, 8 * trainable);
        return new Budget(shape.parameters(), added, trainable, Collections.unmodifiableMap(bytes), !shape.isGpt2());
    }

    /** How the base's matrices are stored; trained ones need 32 bits. */
    private static DType matrices(Method method, Precision precision) {
        return precision == Precision.BF16 && !(method instanceof Selection) ? DType.BF16 : DType.F32;
    }

    private static long baseBytes(ModelShape shape, DType matrices) {
        long vectors = shape.vectorParameters();
        return matrices.bytes() * (shape.parameters() - vectors) + DType.F32.bytes() * vectors;
    }

    /** The books of two steps: from the second on, gradients have their memory from the start. */
    private static Ledger dryRun(Method method, ModelShape shape, Dropouts dropouts, Load load) {
        var packing = load.copies == Copies.NONE ? null : Packing.here(load.precision);
        try (var device = DryDevice.of(load.precision, packing);
                var decoder = Decoder.empty(device, shape, dropouts, matrices(method, load.precision),
                        load.copies == Copies.INSTEAD)) {
            var batch = batch(load);
            twoSteps(decoder, method, new Training(2, 1, 0, new Schedule(Schedule.Kind.CONSTANT, 0, 2), 0, 0,
                    load.recompute), _ -> batch, _ -> true);
            return device.memory().ledger();
        }
    }

    /**
     * The memory of the second step of a training, moment by moment, by a dry run. Packed copies of frozen matrices are not
     * in it.
     *
     * @param training of which two steps are taken
     * @param batches  that it would have
     */
    public static List<Ledger.Moment> timeline(Method method, ModelConfig model, Precision precision, Training training,
            LongFunction<Batch> batches) {
        try (var device = DryDevice.of(precision);
                var decoder =
                        Decoder.empty(device, model.shape(), model.dropouts(), matrices(method, precision), false)) {
            var timeline = new ArrayList<Ledger.Moment>();
            var ledger = device.memory().ledger();
            twoSteps(decoder, method, training, batches, step -> {
                if (step.step() == 1) {
                    ledger.startTimeline();
                } else {
                    timeline.addAll(ledger.endTimeline());
                }
                return true;
            });
            return timeline;
        }
    }

    private static void twoSteps(Decoder decoder, Method method, Training training, LongFunction<Batch> batches,
            Predicate<Training.Step> each) {
        var adapter = withAnyValues(method).attach(decoder, 0);
        var group = new AdamWOptimizer.Group(List.copyOf(adapter.parameters().values()), 0, 1);
        try (var optimizer = new AdamWOptimizer(List.of(group), AdamWOptimizer.Settings.DEFAULT)) {
            decoder.device().memory().ledger().resetPeaks();
            new Training(2, training.accumulate(), training.rate(), training.schedule(), training.clip(),
                    training.seed(), training.recompute()).run(decoder, optimizer, batches, 0, each);
        }
    }

    /** The same method; a prompt started from a text has no tokens of it any more once its adapter was read. */
    private static Method withAnyValues(Method method) {
        return method instanceof PromptTuning prompt
                ? new PromptTuning(prompt.virtualTokens(), new PromptTuning.Init.Normal())
                : method;
    }

    private static Batch batch(Load load) {
        var sequences = Sequences.of(Collections.nCopies(load.batch, new int[load.length]));
        return new Batch(sequences, sequences.ids());
    }

    /** Of all purposes: what suffices. */
    public long total() {
        return bytes.values().stream().mapToLong(Long::longValue).sum();
    }

    /** The most sequences that can go through the model together in {@code memory} bytes, 0 if not even one. */
    public static int largestBatch(Method method, ModelConfig model, Load load, long memory) {
        IntFunction<Boolean> fits = batch -> of(method, model, load.withBatch(batch)).total() <= memory;
        int above =
                IntStream.iterate(1, batch -> 2 * batch).filter(batch -> !fits.apply(batch)).findFirst().orElseThrow();
        int below = above / 2;
        while (above - below > 1) {
            int middle = (above + below) / 2;
            if (fits.apply(middle)) {
                below = middle;
            } else {
                above = middle;
            }
        }
        return below;
    }
}
