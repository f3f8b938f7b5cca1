package lorikeet.bench;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import lorikeet.bench.StepProducts.Product;
import lorikeet.kernels.Buffer;
import lorikeet.kernels.DType;
import lorikeet.kernels.Device;
import lorikeet.kernels.Devices;
import lorikeet.kernels.Matrix;
import lorikeet.kernels.Precision;
import lorikeet.kernels.Purpose;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * The matrix products of a step and nothing else, each in the layout in which the library is fastest, again and again on
 * the same operands, which unless the precision is strict are bf16 already and, where that is faster, packed as frozen weights
 * are. No step whose products are whole can be faster.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
public class ProductsBenchmark {
    private static final int TRIALS = 3;

    @Param("bundled 16x128")
    public String workload;
    @Param("lora-c_attn")
    public String method;
    @Param("fast")
    public String precision;
    @Param("0")
    public int threads;

    private record Chosen(Matrix c, Matrix a, Matrix b, int count) {}

    private Device device;
    private final List<Chosen> chosen = new ArrayList<>();

    @Setup
    public void choose() throws IOException {
        device = Devices.open("cpu", Precision.valueOf(precision.toUpperCase(Locale.ROOT)), threads);
        var work = Workload.parse(workload);
        StepProducts.of(work.folder().config().shape(), work, method)
                .forEach((product, count) -> chosen.add(fastest(product, count)));
    }

    private Chosen fastest(Product p, int count) {
        var type = device.precision() == Precision.STRICT ? DType.F32 : DType.BF16;
        var c = Matrix.batch(ones(DType.F32, (long) p.batch() * p.m() * p.n()), p.batch(), p.m(), p.n());
        var a = ones(type, (long) p.batch() * p.m() * p.k());
        var b = ones(type, (long) p.batch() * p.k() * p.n());
        var rights = new ArrayList<>(layouts(b, p.batch(), p.k(), p.n()));
        if (type == DType.BF16 && p.batch() == 1) {
            var frozen = ones(DType.F32, (long) p.k() * p.n());
            frozen.freeze();
            rights.addAll(layouts(frozen, 1, p.k(), p.n()));
        }
        Chosen best = null;
        long least = Long.MAX_VALUE;
        for (var left : layouts(a, p.batch(), p.m(), p.k())) {
            for (var right : rights) {
                var candidate = new Chosen(c, left, right, count);
                multiply(candidate);
                for (int trial = 0; trial < TRIALS; trial++) {
                    long start = System.nanoTime();
                    multiply(candidate);
                    long time = System.nanoTime() - start;
                    if (time < least) {
                        least = time;
                        best = candidate;
                    }
                }
            }
        }
        return best;
    }

    /** The same matrix stored by rows and by columns. */
    private static List<Matrix> layouts(Buffer data, int batch, int rows, int columns) {
        return List.of(Matrix.batch(data, batch, rows, columns),
                Matrix.batch(data, batch, columns, rows).transpose());
    }

    private Buffer ones(DType type, long size) {
        var buffer = device.memory().allocate(type, size, Purpose.ACTIVATIONS);
        var values = device.memory().allocateOwned(DType.F32, size, Purpose.WORKSPACE);
        device.fill(values, 1);
        device.copy(buffer, values);
        values.release();
        return buffer;
    }

    private void multiply(Chosen product) {
        device.gemm(product.c, product.a, product.b, 1, false, null);
    }

    @Benchmark
    public void products() {
        for (var product : chosen) {
            for (int i = 0; i < product.count; i++) {
                multiply(product);
            }
        }
        device.synchronise();
    }

    @TearDown
    public void close() {
        device.close();
    }
}
