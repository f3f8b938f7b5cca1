package lorikeet.bench;

import java.io.IOException;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import lorikeet.engine.Shape;
import lorikeet.engine.Tensor;
import lorikeet.kernels.DType;
import lorikeet.kernels.Device;
import lorikeet.kernels.Devices;
import lorikeet.kernels.Precision;
import lorikeet.model.Decoder;
import lorikeet.model.Dropouts;
import lorikeet.model.Generation;
import lorikeet.model.Sampling;
import lorikeet.peft.Mergeable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** Continuing a text, with a cache of keys and values. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
public class GenerationBenchmark {
    /** Tokens of the prompt, and tokens generated after the first. */
    static final int PROMPT = 64, TOKENS = 64;
    /** Milliseconds. */
    static final String FIRST = "first token", EACH = "each token";
    private static final int NEVER = -1;

    @Param("bundled")
    public String base;
    @Param("none")
    public String adapter;
    @Param("fast")
    public String precision;
    @Param("0")
    public int threads;

    private Device device;
    private Decoder decoder;
    private int[] prompt;

    @Setup
    public void load() throws IOException {
        device = Devices.open("cpu", Precision.valueOf(precision.toUpperCase(Locale.ROOT)), threads);
        var work = new Workload(base, 1, PROMPT);
        var matrices = device.precision() == Precision.BF16 ? DType.BF16 : DType.F32;
        decoder = work.folder().load(device, matrices, Dropouts.NONE);
        decoder.freeze();
        prompt = work.batch(decoder.shape().vocabulary()).sequences().ids();
        if (!adapter.equals("none")) {
            var attached = Methods.of(Methods.LORA_ALL).attach(decoder, StepBenchmark.SEED);
            attached.parameters().values().forEach(GenerationBenchmark::fill); // as if trained: B is 0 at first
            if (adapter.equals("merged")) {
                ((Mergeable) attached).merge();
            }
        }
        Watch.start(device.memory().ledger());
    }

    private static void fill(Tensor parameter) {
        var values = new float[Math.toIntExact(parameter.size())];
        Arrays.fill(values, 1e-4f);
        parameter.device().upload(parameter.data(), values);
    }

    /** Says how long the first token took, from the prompt on, and each of those after it. */
    @Benchmark
    public void generate() {
        long start = System.nanoTime();
        long[] times = new long[1 + TOKENS];
        int[] count = {0};
        Generation.continueText(decoder, prompt, times.length, NEVER, Sampling.GREEDY,
                _ -> times[count[0]++] = System.nanoTime());
        Watch.say(FIRST, (times[0] - start) / 1e6);
        Watch.say(EACH, (times[TOKENS] - times[0]) / 1e6 / TOKENS);
    }

    /**
     * Reads the weights that every token needs, and does hardly anything with them. Positions are left out: a token needs
     * one of them.
     */
    @Benchmark
    public void readWeights() {
        try (var _ = device.memory().scope()) {
            var sum = Tensor.of(device, Shape.scalar(), 0);
            decoder.parameters().forEach((name, weight) -> {
                if (!name.startsWith("wpe")) {
                    device.sum(sum.data(), weight.data(), 1, (int) weight.size(), 1, false);
                }
            });
        }
    }

    @TearDown
    public void close() {
        decoder.close();
        device.close();
    }
}
