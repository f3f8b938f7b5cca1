package lorikeet.test.ops;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.EnumMap;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import lorikeet.kernels.DType;
import lorikeet.kernels.Device;
import lorikeet.kernels.Matrix;
import lorikeet.kernels.Precision;
import lorikeet.kernels.Purpose;
import lorikeet.kernels.cpu.CpuDevice;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

/** Matrix products in the sizes of real models and many beside them: a sample of each one's rows, against sums in double. */
class ProductSizesTest {
    private static final int[] SIZES = {1, 7, 16, 32, 33, 64, 100, 256, 768, 1024, 2048, 3072};
    private static final double MOST_MULTIPLICATIONS = 3e8;
    /** Of a matrix: its last rows, where blocks and tiles end, and some others; and so for columns. */
    private static final int LAST = 12, OTHERS = 12;
    private static final Map<Precision, Device> DEVICES = new EnumMap<>(Precision.class);

    @BeforeContainer
    static void openDevices() {
        for (var precision : Precision.values()) {
            DEVICES.put(precision, new CpuDevice(precision, 2));
        }
    }

    @AfterContainer
    static void closeDevices() {
        DEVICES.values().forEach(Device::close);
    }

    /** A matrix in memory, with space between its rows or none, and the numbers that were put there. */
    private record Operand(Matrix matrix, float[] numbers) {
        static Operand random(Device device, Random random, int height, int width, boolean transposed, boolean frozen) {
            int rows = transposed ? width : height;
            int columns = transposed ? height : width;
            int stride = columns + (random.nextBoolean() ? 0 : random.nextInt(40));
            var numbers = new float[rows * stride];
            for (int i = 0; i < numbers.length; i++) {
                numbers[i] = random.nextFloat(-1, 1);
            }
            var data = device.memory().allocate(DType.F32, numbers.length, Purpose.ACTIVATIONS);
            device.upload(data, numbers);
            if (frozen) {
                data.freeze();
            }
            return new Operand(new Matrix(data, rows, columns, stride, transposed, 1, 0), numbers);
        }

        double at(int i, int j) {
            return numbers[matrix.transposed() ? j * matrix.stride() + i : i * matrix.stride() + j];
        }
    }

    @Property(tries = 300)
    void rowsAndColumns(@ForAll long seed, @ForAll Precision precision) {
        var random = new Random(seed);
        int m, n, k;
        do {
            m = size(random);
            n = size(random);
            k = size(random);
        } while ((double) m * n * k > MOST_MULTIPLICATIONS);
        try (var _ = DEVICES.get(precision).memory().scope()) {
            check(DEVICES.get(precision), precision, random, m, n, k);
        }
    }

    private static void check(Device device, Precision precision, Random random, int m, int n, int k) {
        boolean add = random.nextBoolean();
        var a = Operand.random(device, random, m, k, random.nextInt(3) == 0, false);
        var b = Operand.random(device, random, k, n, random.nextBoolean(), random.nextBoolean());
        var c = Operand.random(device, random, m, n, false, false);
        var bias = add || random.nextBoolean() ? null : Operand.random(device, random, 1, n, false, false);
        float alpha = random.nextBoolean() ? 1 : 0.5f;
        device.gemm(c.matrix, a.matrix, b.matrix, alpha, add, bias == null ? null : bias.matrix.data().slice(0, n));
        var result = new Operand(c.matrix, device.downloadFloats(c.matrix.data()));
        for (int i : sample(random, m)) {
            double errors = 0;
            double squares = 0;
            for (int j : sample(random, n)) {
                double sum = (add ? c.at(i, j) : 0) + (bias == null ? 0 : bias.at(0, j));
                for (int p = 0; p < k; p++) {
                    double term = alpha * a.at(i, p) * b.at(p, j);
                    sum += term;
                    squares += term * term;
                }
                errors += Math.pow(result.at(i, j) - sum, 2);
                squares += 1e-3;
            }
            assertThat(Math.sqrt(errors / squares)).as("row %d of %d × %d, sums of %d", i, m, n, k)
                    .isLessThan(precision == Precision.STRICT ? 2e-5 : 0.02);
        }
        assertThat(between(result)).as("between rows").isEqualTo(between(c));
    }

    private static int size(Random random) {
        return random.nextInt(3) == 0 ? random.nextInt(1, 1200) : SIZES[random.nextInt(SIZES.length)];
    }

    private static int[] sample(Random random, int extent) {
        return IntStream.concat(IntStream.range(Math.max(0, extent - LAST), extent),
                random.ints(OTHERS, 0, extent)).toArray();
    }

    /** The sum of the bits of what lies behind the ends of rows. */
    private static long between(Operand c) {
        long sum = 0;
        for (int i = 0; i < c.numbers.length; i++) {
            sum += i % c.matrix.stride() < c.matrix.columns() ? 0 : (i + 1L) * Float.floatToIntBits(c.numbers[i]);
        }
        return sum;
    }
}
