package lorikeet.bench;

import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import lorikeet.engine.AdamWOptimizer;
import lorikeet.engine.Schedule;
import lorikeet.kernels.DType;
import lorikeet.kernels.Device;
import lorikeet.kernels.Devices;
import lorikeet.kernels.Precision;
import lorikeet.model.Decoder;
import lorikeet.model.Dropouts;
import lorikeet.model.Training;
import lorikeet.model.data.Batch;
import lorikeet.peft.Selection;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** One training step: forward, backward, AdamW. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
public class StepBenchmark {
    /** Of AdamW, here and at the peer's. */
    public static final float RATE = 1e-3f, DECAY = 0.01f;
    /** Of the method's first values. */
    public static final long SEED = 1;

    @Param("bundled 16x128")
    public String workload;
    @Param("lora-c_attn")
    public String method;
    @Param("fast")
    public String precision;
    @Param("cpu")
    public String device;
    @Param("0")
    public int threads;
    @Param("false")
    public boolean recompute;

    private Device opened;
    private Decoder decoder;
    private AdamWOptimizer optimizer;
    private Batch batch;
    private int steps;

    @Setup
    public void load() throws IOException {
        opened = Devices.open(device, Precision.valueOf(precision.toUpperCase(Locale.ROOT)), threads);
        var work = Workload.parse(workload);
        var chosen = Methods.of(method);
        boolean frozen = !(chosen instanceof Selection);
        decoder = work.folder().load(opened, opened.precision() == Precision.BF16 && frozen ? DType.BF16 : DType.F32,
                Dropouts.NONE);
        var adapter = chosen.attach(decoder, SEED);
        Watch.start(opened.memory().ledger());
        Watch.say("trainable", adapter.size());
        optimizer = new AdamWOptimizer(
                List.of(new AdamWOptimizer.Group(List.copyOf(adapter.parameters().values()), DECAY, 1)),
                AdamWOptimizer.Settings.DEFAULT);
        batch = work.batch(decoder.shape().vocabulary());
    }

    @Benchmark
    public void step() {
        var training = new Training(steps + 1, 1, RATE, new Schedule(Schedule.Kind.CONSTANT, 0, 1), 0, SEED, recompute);
        training.run(decoder, optimizer, _ -> batch, steps, step -> {
            Watch.say(steps == 0 ? "first loss" : "last loss", step.loss());
            return true;
        });
        steps++;
    }

    @TearDown
    public void close() {
        optimizer.close();
        decoder.close();
        opened.close();
    }
}
