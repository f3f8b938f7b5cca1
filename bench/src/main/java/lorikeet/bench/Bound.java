package lorikeet.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import lorikeet.kernels.Buffer;
import lorikeet.kernels.DType;
import lorikeet.kernels.Device;
import lorikeet.kernels.Precision;
import lorikeet.kernels.Purpose;

/** An op with random operands on a device, whose result has been compared with the formula's. */
final class Bound {
    /** Of the largest result: in 32 bits, and where products round to bf16. */
    private static final double TOLERANCE = 1e-4, ROUNDED_TOLERANCE = 0.02;

    final float[][] inputs;
    final float[] output;
    private final Op op;
    private final Op.Size size;
    private final Device device;
    private final List<Buffer> buffers = new ArrayList<>();
    private final Buffer result;

    Bound(Op op, Op.Size size, Device device) {
        this.op = op;
        this.size = size;
        this.device = device;
        var random = new Random(1);
        var counts = op.inputs(size);
        inputs = new float[counts.size()][];
        output = new float[size.elements()];
        for (int i = 0; i < inputs.length; i++) {
            inputs[i] = new float[counts.get(i)];
            for (int j = 0; j < inputs[i].length; j++) {
                inputs[i][j] = (float) random.nextGaussian();
            }
            var buffer = device.memory().allocateOwned(DType.F32, inputs[i].length, Purpose.ACTIVATIONS);
            device.upload(buffer, inputs[i]);
            buffers.add(buffer);
        }
        result = device.memory().allocateOwned(DType.F32, output.length, Purpose.ACTIVATIONS);
        compare();
    }

    private void compare() {
        naive();
        run();
        var computed = device.downloadFloats(result);
        double largest = 0;
        double difference = 0;
        for (int i = 0; i < output.length; i++) {
            largest = Math.max(largest, Math.abs(output[i]));
            difference = Math.max(difference, Math.abs(output[i] - computed[i]));
        }
        double tolerance = device.precision() == Precision.STRICT ? TOLERANCE : ROUNDED_TOLERANCE;
        if (!(difference <= tolerance * largest)) {
            throw new IllegalStateException(
                    op + " on " + device.name() + " is off by " + difference + " of " + largest);
        }
    }

    void naive() {
        op.naive(output, inputs, size);
    }

    void run() {
        try (var _ = device.memory().scope()) {
            op.run(device, result, buffers, size);
        }
        device.synchronise();
    }

    void release() {
        buffers.forEach(Buffer::release);
        result.release();
    }
}
