package lorikeet.engine;

import lorikeet.kernels.DType;
import lorikeet.kernels.Device;
import lorikeet.kernels.Philox;
import lorikeet.kernels.Purpose;
import lorikeet.kernels.RandomKey;

/** First values of parameters, drawn on the host: the same on every machine and device. */
public final class Initialisation {
    private Initialisation() {}

    /** A trainable parameter of zeros. */
    public static Tensor zeros(Device device, Shape shape) {
        return constant(device, shape, 0);
    }

    /** A trainable parameter filled with {@code value}. */
    public static Tensor constant(Device device, Shape shape, float value) {
        var tensor = Tensor.allocate(device, shape, DType.F32, Purpose.WEIGHTS);
        device.fill(tensor.data(), value);
        return tensor.train();
    }

    /** Uniform between −{@code bound} and {@code bound}. */
    public static Tensor uniform(Device device, Shape shape, double bound, RandomKey key) {
        return Tensor.parameter(device, shape, () -> uniform(Math.toIntExact(shape.size()), bound, key));
    }

    private static float[] uniform(int size, double bound, RandomKey key) {
        var values = new float[size];
        for (int i = 0; i < values.length; i += 4) {
            var words = Philox.block(key, i / 4);
            for (int j = 0; j < 4 && i + j < values.length; j++) {
                values[i + j] = (float) ((2.0 * Philox.uniform(words[j]) - 1) * bound);
            }
        }
        return values;
    }

    /** Normal with mean 0, by Box and Muller's transformation. */
    public static Tensor normal(Device device, Shape shape, double deviation, RandomKey key) {
        return Tensor.parameter(device, shape, () -> normal(Math.toIntExact(shape.size()), deviation, key));
    }

    private static float[] normal(int size, double deviation, RandomKey key) {
        var values = new float[size];
        for (int i = 0; i < values.length; i += 4) {
            var words = Philox.block(key, i / 4);
            for (int j = 0; j < 4 && i + j < values.length; j += 2) {
                // 1 − uniform lies in (0, 1], so that its logarithm is finite
                double radius = StrictMath.sqrt(-2 * StrictMath.log(1 - Philox.uniform(words[j])));
                double angle = 2 * Math.PI * Philox.uniform(words[j + 1]);
                values[i + j] = (float) (deviation * radius * StrictMath.cos(angle));
                if (i + j + 1 < values.length) {
                    values[i + j + 1] = (float) (deviation * radius * StrictMath.sin(angle));
                }
            }
        }
        return values;
    }
}
