package lorikeet.kernels.cpu;

import static lorikeet.kernels.cpu.Vectors.F;
import static lorikeet.kernels.cpu.Vectors.LANES;
import static lorikeet.kernels.cpu.Vectors.load;
import static lorikeet.kernels.cpu.Vectors.store;

import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** Runs over many tensors at once: a task is a chunk of one of them. */
final class Optimizers {
    static final int CHUNK = 1 << 15;

    private final Parallel parallel;

    Optimizers(Parallel parallel) {
        this.parallel = parallel;
    }

    /** What a task does to {@code n} elements from element {@code from} of tensor {@code tensor}; {@code task} numbers it. */
    interface Chunk {
        void run(int tensor, long from, int n, int task);
    }

    /** The number of chunks before each tensor, and their total at the end. */
    static int[] chunkStarts(long[] sizes) {
        var starts = new int[sizes.length + 1];
        for (int i = 0; i < sizes.length; i++) {
            starts[i + 1] = Math.toIntExact(starts[i] + Math.ceilDiv(sizes[i], CHUNK));
        }
        return starts;
    }

    void chunks(long[] sizes, int[] starts, Chunk chunk) {
        parallel.tasks(starts[sizes.length], (task, _) -> {
            int tensor = tensorOf(starts, task);
            long from = (long) (task - starts[tensor]) * CHUNK;
            chunk.run(tensor, from, (int) Math.min(CHUNK, sizes[tensor] - from), task);
        });
    }

    /** The last tensor whose chunks start at or before {@code task}. */
    private static int tensorOf(int[] starts, int task) {
        int low = 0, high = starts.length - 2;
        while (low < high) {
            int middle = low + high + 1 >>> 1;
            if (starts[middle] <= task) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        return low;
    }

    private static final VectorSpecies<Double> WIDE = DoubleVector.SPECIES_PREFERRED;
    /** As many floats as WIDE has doubles: a conversion that keeps the number of lanes is one instruction. */
    private static final VectorSpecies<Float> NARROW =
            VectorSpecies.of(float.class, VectorShape.forBitSize(WIDE.vectorBitSize() / 2));

    /** Σ x², summed in double. */
    static double sumOfSquaresRun(long x, int n) {
        int step = WIDE.length();
        var a = DoubleVector.zero(WIDE);
        var b = a;
        int i = 0;
        for (; i + 2 * step <= n; i += 2 * step) {
            var low = wide(x, i);
            var high = wide(x, i + step);
            a = low.fma(low, a);
            b = high.fma(high, b);
        }
        double sum = 0;
        for (double lane : a.add(b).toDoubleArray()) {
            sum += lane;
        }
        for (; i < n; i++) {
            double v = Vectors.get(x, i);
            sum += v * v;
        }
        return sum;
    }

    private static DoubleVector wide(long x, long i) {
        return (DoubleVector) FloatVector.fromMemorySegment(NARROW, Vectors.ALL, x + (i << 2), Vectors.ORDER)
                .castShape(WIDE, 0);
    }

    /** The factors of one AdamW step: see {@link lorikeet.kernels.AdamW}. */
    record AdamFactors(float decay, float clip, float beta1, float beta2, float rate, float rootCorrection2,
            float epsilon) {}

    static void adamwRun(long p, long g, long m, long v, int n, AdamFactors f) {
        int i = 0;
        for (; i < F.loopBound(n); i += LANES) {
            var gradient = load(g, i).mul(f.clip);
            var mean = load(m, i).mul(f.beta1).add(gradient.mul(1 - f.beta1));
            var variance = load(v, i).mul(f.beta2).add(gradient.mul(gradient).mul(1 - f.beta2));
            store(m, i, mean);
            store(v, i, variance);
            var step = mean.mul(f.rate).div(variance.sqrt().mul(f.rootCorrection2).add(f.epsilon));
            store(p, i, load(p, i).mul(f.decay).sub(step));
        }
        for (; i < n; i++) {
            float gradient = Vectors.get(g, i) * f.clip;
            float mean = Vectors.get(m, i) * f.beta1 + gradient * (1 - f.beta1);
            float variance = Vectors.get(v, i) * f.beta2 + gradient * gradient * (1 - f.beta2);
            Vectors.set(m, i, mean);
            Vectors.set(v, i, variance);
            float step = mean * f.rate / ((float) Math.sqrt(variance) * f.rootCorrection2 + f.epsilon);
            Vectors.set(p, i, Vectors.get(p, i) * f.decay - step);
        }
    }

    /** p ← decay · p − rate · g. */
    static void sgdRun(long p, long g, int n, float decay, float rate) {
        var factor = FloatVector.broadcast(F, -rate);
        int i = 0;
        for (; i < F.loopBound(n); i += LANES) {
            store(p, i, load(g, i).fma(factor, load(p, i).mul(decay)));
        }
        if (i < n) {
            var tail = Vectors.first(n - i);
            store(p, i, load(g, i, tail).fma(factor, load(p, i, tail).mul(decay)), tail);
        }
    }
}
