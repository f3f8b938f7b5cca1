package lorikeet.bench;

import java.util.Locale;
import java.util.concurrent.TimeUnit;
import lorikeet.kernels.Device;
import lorikeet.kernels.Devices;
import lorikeet.kernels.Precision;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** One op, naive or by the CPU device. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
public class LadderBenchmark {
    @Param("softmax")
    public String op;
    @Param("strict")
    public String precision;
    @Param("0")
    public int threads;

    private Device device;
    private Bound bound;

    @Setup
    public void prepare() {
        device = Devices.open("cpu", Precision.valueOf(precision.toUpperCase(Locale.ROOT)), threads);
        bound = new Bound(Op.valueOf(op.toUpperCase(Locale.ROOT)), Op.LARGE, device);
    }

    @Benchmark
    public float[] naive() {
        bound.naive();
        return bound.output;
    }

    @Benchmark
    public void device() {
        bound.run();
    }

    @TearDown
    public void close() {
        bound.release();
        device.close();
    }
}
