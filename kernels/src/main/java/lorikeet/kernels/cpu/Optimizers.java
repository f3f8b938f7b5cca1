package lorikeet.kernels.cpu;

import static lorikeet.kernels.cpu.Vectors.F;
import static lorikeet.kernels.cpu.Vectors.LANES;
import static lorikeet.kernels.cpu.Vectors.load;
import static lorikeet.kernels.cpu.Vectors.store;

import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

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

    /** Σ x², summed in double. */
    static double sumOfSquares(long x, int n) {
        var species = DoubleVector.SPECIES_PREFERRED;
        int half = species.length();
        var a = DoubleVector.zero(species);
        var b = a;
        int i = 0;
        for (; i + 2 * half <= n && 2 * half == LANES; i += LANES) {
            var v = load(x, i);
            var low = (DoubleVector) v.convertShape(VectorOperators.F2D, species, 0);
            var high = (DoubleVector) v.convertShape(VectorOperators.F2D, species, 1);
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

    /** The factors of one AdamW step: see {@link lorikeet.kernels.AdamW}. */
    record AdamFactors(float decay, float clip, float beta1, float beta2, float rate, float rootCorrection2,
            float epsilon) {}

    static void adamw(long p, long g, long m, long v, int n, AdamFactors f) {
        int i = 0;
        for (; i < F.loopBound(n); i += LANES) {
            adamwVector(p, g, m, v, i, VectorMask.fromLong(F, -1), f);
        }
        if (i < n) {
            adamwVector(p, g, m, v, i, Vectors.first(n - i), f);
        }
    }

    private static void adamwVector(long p, long g, long m, long v, int i, VectorMask<Float> mask, AdamFactors f) {
        var gradient = load(g, i, mask).mul(f.clip);
        var mean = load(m, i, mask).mul(f.beta1).add(gradient.mul(1 - f.beta1));
        var variance = load(v, i, mask).mul(f.beta2).add(gradient.mul(gradient).mul(1 - f.beta2));
        store(m, i, mean, mask);
        store(v, i, variance, mask);
        var step = mean.mul(f.rate).div(variance.sqrt().mul(f.rootCorrection2).add(f.epsilon));
        store(p, i, load(p, i, mask).mul(f.decay).sub(step), mask);
    }

    /** p ← decay · p − rate · g. */
    static void sgd(long p, long g, int n, float decay, float rate) {
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
