package lorikeet.kernels.cpu;

import static lorikeet.kernels.cpu.Elementwise.rowGrain;
import static lorikeet.kernels.cpu.Vectors.F;
import static lorikeet.kernels.cpu.Vectors.LANES;
import static lorikeet.kernels.cpu.Vectors.first;
import static lorikeet.kernels.cpu.Vectors.get;
import static lorikeet.kernels.cpu.Vectors.load;
import static lorikeet.kernels.cpu.Vectors.set;
import static lorikeet.kernels.cpu.Vectors.store;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import lorikeet.kernels.Device;

/** Layer norm, softmax and cross-entropy: each row is read a few times while it lies in the cache. */
final class Normalization {
    private final Parallel parallel;

    Normalization(Parallel parallel) {
        this.parallel = parallel;
    }

    void layerNorm(long y, long mean, long rstd, long x, long gamma, long beta, int rows, int columns, float epsilon) {
        parallel.ranges(rows, rowGrain(2 * columns), (from, to) -> {
            for (long r = from; r < to; r++) {
                layerNormRow(r, y, mean, rstd, x, gamma, beta, columns, epsilon);
            }
        });
    }

    void addLayerNorm(long y, long sum, long mean, long rstd, long a, long b, long gamma, long beta, int rows,
            int columns, float epsilon) {
        parallel.ranges(rows, rowGrain(4 * columns), (from, to) -> {
            for (long r = from; r < to; r++) {
                long row = 4 * r * columns;
                Elementwise.addRun(sum + row, a + row, b + row, columns);
                layerNormRow(r, y, mean, rstd, sum, gamma, beta, columns, epsilon);
            }
        });
    }

    private static void layerNormRow(long r, long y, long mean, long rstd, long x, long gamma, long beta, int columns,
            float epsilon) {
        long row = 4 * r * columns;
        float m = Reduction.sumRun(x + row, columns) / columns;
        float s = (float) (1 / Math.sqrt(squaredDistanceRun(x + row, m, columns) / columns + epsilon));
        set(mean, r, m);
        set(rstd, r, s);
        normaliseRun(y + row, x + row, gamma, beta, m, s, columns);
    }

    /** Σ (x − mean)². */
    private static float squaredDistanceRun(long x, float mean, int n) {
        var sum = FloatVector.zero(F);
        int i = 0;
        for (; i < F.loopBound(n); i += LANES) {
            var d = load(x, i).sub(mean);
            sum = d.fma(d, sum);
        }
        if (i < n) {
            var tail = first(n - i);
            var d = FloatVector.zero(F).blend(load(x, i, tail).sub(mean), tail);
            sum = d.fma(d, sum);
        }
        return Vectors.sum(sum);
    }

    private static void normaliseRun(long y, long x, long gamma, long beta, float mean, float rstd, int n) {
        int i = 0;
        for (; i < F.loopBound(n); i += LANES) {
            store(y, i, load(x, i).sub(mean).mul(rstd).fma(load(gamma, i), load(beta, i)));
        }
        if (i < n) {
            var tail = first(n - i);
            store(y, i, load(x, i, tail).sub(mean).mul(rstd).fma(load(gamma, i, tail), load(beta, i, tail)), tail);
        }
    }

    /** With g = dy · gamma and x̂ = (x − mean) · rstd: dx = rstd · (g − mean(g) − x̂ · mean(g · x̂)). */
    void layerNormBackward(long dx, long dy, long x, long mean, long rstd, long gamma, int rows, int columns,
            boolean add) {
        parallel.ranges(rows, rowGrain(3 * columns), (from, to) -> {
            for (long r = from; r < to; r++) {
                long row = 4 * r * columns;
                float m = get(mean, r), s = get(rstd, r);
                float meanG = dotRun(dy + row, gamma, columns) / columns;
                float slope = distanceDotRun(x + row, m, dy + row, gamma, columns) / columns * s * s;
                int i = add
                        ? layerNormBackwardAddRun(dx + row, dy + row, x + row, gamma, m, s, meanG, slope, columns)
                        : layerNormBackwardRun(dx + row, dy + row, x + row, gamma, m, s, meanG, slope, columns);
                for (; i < columns; i++) {
                    float v = (get(dy + row, i) * get(gamma, i) - meanG - slope * (get(x + row, i) - m)) * s;
                    set(dx + row, i, add ? get(dx + row, i) + v : v);
                }
            }
        });
    }

    /** Σ (x − mean) · dy · γ. */
    private static float distanceDotRun(long x, float mean, long dy, long gamma, int n) {
        var sum = FloatVector.zero(F);
        int i = 0;
        for (; i < F.loopBound(n); i += LANES) {
            sum = load(x, i).sub(mean).fma(load(dy, i).mul(load(gamma, i)), sum);
        }
        if (i < n) {
            var tail = first(n - i);
            sum = load(x, i, tail).sub(mean).fma(load(dy, i, tail).mul(load(gamma, i, tail)), sum);
        }
        return Vectors.sum(sum);
    }

    /** dx = (dy · γ − meanG − slope · (x − mean)) · rstd for whole vectors; returns how many numbers those are. */
    private static int layerNormBackwardRun(long dx, long dy, long x, long gamma, float mean, float rstd, float meanG,
            float slope, int n) {
        var factor = FloatVector.broadcast(F, -slope);
        int i = 0;
        for (; i < F.loopBound(n); i += LANES) {
            var g = load(dy, i).mul(load(gamma, i)).sub(meanG);
            store(dx, i, load(x, i).sub(mean).fma(factor, g).mul(rstd));
        }
        return i;
    }

    /** The same with +=, apart: of two branches in a loop the compiler may see one too seldom to keep its vectors in registers. */
    private static int layerNormBackwardAddRun(long dx, long dy, long x, long gamma, float mean, float rstd,
            float meanG, float slope, int n) {
        var factor = FloatVector.broadcast(F, -slope);
        int i = 0;
        for (; i < F.loopBound(n); i += LANES) {
            var g = load(dy, i).mul(load(gamma, i)).sub(meanG);
            store(dx, i, load(x, i).sub(mean).fma(factor, g).mul(rstd).add(load(dx, i)));
        }
        return i;
    }

    void softmax(long y, long x, int rows, int columns) {
        parallel.ranges(rows, rowGrain(4 * columns), (from, to) -> {
            for (long r = from; r < to; r++) {
                long row = 4 * r * columns;
                float sum = exponentialsRun(y + row, x + row, maxRun(x + row, columns), columns);
                Elementwise.scaleRun(y + row, y + row, 1 / sum, columns);
            }
        });
    }

    static float maxRun(long x, int n) {
        var max = FloatVector.broadcast(F, Float.NEGATIVE_INFINITY);
        int i = 0;
        for (; i < F.loopBound(n); i += LANES) {
            max = max.max(load(x, i));
        }
        float result = max.reduceLanes(VectorOperators.MAX);
        for (; i < n; i++) {
            result = Math.max(result, get(x, i));
        }
        return result;
    }

    /** y = exp(x − shift); returns the sum. */
    static float exponentialsRun(long y, long x, float shift, int n) {
        var sum = FloatVector.zero(F);
        int i = 0;
        for (; i < F.loopBound(n); i += LANES) {
            var e = Functions.exp(load(x, i).sub(shift));
            store(y, i, e);
            sum = sum.add(e);
        }
        float rest = 0;
        for (; i < n; i++) {
            float e = exp(get(x, i) - shift);
            set(y, i, e);
            rest += e;
        }
        return Vectors.sum(sum) + rest;
    }

    /** Σ exp(x − shift). */
    private static float sumOfExponentialsRun(long x, float shift, int n) {
        var sum = FloatVector.zero(F);
        int i = 0;
        for (; i < F.loopBound(n); i += LANES) {
            sum = sum.add(Functions.exp(load(x, i).sub(shift)));
        }
        float rest = 0;
        for (; i < n; i++) {
            rest += exp(get(x, i) - shift);
        }
        return Vectors.sum(sum) + rest;
    }

    /**
     * Of a number in the last part of a row, which fills no vector: code that seldom runs is not compiled well enough to keep
     * vectors out of the Java heap. {@link StrictMath}, for the same result before and after it is compiled.
     */
    private static float exp(float x) {
        return (float) StrictMath.exp(x);
    }

    void softmaxBackward(long dx, long dy, long y, int rows, int columns, boolean add) {
        parallel.ranges(rows, rowGrain(3 * columns), (from, to) -> {
            for (long r = from; r < to; r++) {
                long row = 4 * r * columns;
                softmaxBackwardRun(dx + row, dy + row, y + row, dotRun(dy + row, y + row, columns), columns, add);
            }
        });
    }

    static float dotRun(long a, long b, int n) {
        var sum = FloatVector.zero(F);
        int i = 0;
        for (; i < F.loopBound(n); i += LANES) {
            sum = load(a, i).fma(load(b, i), sum);
        }
        if (i < n) {
            var tail = first(n - i);
            sum = load(a, i, tail).fma(load(b, i, tail), sum);
        }
        return Vectors.sum(sum);
    }

    private static void softmaxBackwardRun(long dx, long dy, long y, float dot, int n, boolean add) {
        int i = 0;
        for (; i < F.loopBound(n); i += LANES) {
            var v = load(dy, i).sub(dot).mul(load(y, i));
            Elementwise.put(dx, i, v, add);
        }
        if (i < n) {
            var tail = first(n - i);
            var v = load(dy, i, tail).sub(dot).mul(load(y, i, tail));
            Elementwise.put(dx, i, v, add, tail);
        }
    }

    /** {@code dlogits} 0: only the losses. */
    void crossEntropy(long losses, long dlogits, long logits, long labels, int rows, int columns, float scale) {
        parallel.ranges(rows, rowGrain(4 * columns), (from, to) -> {
            for (long r = from; r < to; r++) {
                long row = 4 * r * columns;
                int label = Vectors.getInt(labels, r);
                if (label == Device.IGNORED_LABEL) {
                    set(losses, r, 0);
                    if (dlogits != 0) {
                        Elementwise.fillRun(dlogits + row, 0, columns);
                    }
                    continue;
                }
                if (label < 0 || label >= columns) {
                    throw new IndexOutOfBoundsException(
                            "label " + label + " at position " + r + " is outside a vocabulary of " + columns);
                }
                float max = maxRun(logits + row, columns);
                float target = get(logits + row, label) - max;
                if (dlogits == 0) {
                    set(losses, r, (float) Math.log(sumOfExponentialsRun(logits + row, max, columns)) - target);
                } else {
                    float sum = exponentialsRun(dlogits + row, logits + row, max, columns);
                    set(losses, r, (float) Math.log(sum) - target);
                    Elementwise.scaleRun(dlogits + row, dlogits + row, scale / sum, columns);
                    set(dlogits + row, label, get(dlogits + row, label) - scale);
                }
            }
        });
    }
}
