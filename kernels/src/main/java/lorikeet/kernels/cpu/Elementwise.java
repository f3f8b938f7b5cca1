package lorikeet.kernels.cpu;

import static lorikeet.kernels.cpu.Vectors.F;
import static lorikeet.kernels.cpu.Vectors.LANES;
import static lorikeet.kernels.cpu.Vectors.first;
import static lorikeet.kernels.cpu.Vectors.load;
import static lorikeet.kernels.cpu.Vectors.store;

import jdk.incubator.vector.FloatVector;
import lorikeet.kernels.RandomKey;
import lorikeet.kernels.Unary;

/** Loops over runs of numbers that look at one element of each operand at a time. */
final class Elementwise {
    /** Elements per task: three operands of this size fit the second-level cache of any current core. */
    static final int GRAIN = 1 << 15;

    enum Binary {
        ADD, MULTIPLY, DIVIDE;

        private static FloatVector apply(Binary f, FloatVector a, FloatVector b) {
            return switch (f) {
                case ADD -> a.add(b);
                case MULTIPLY -> a.mul(b);
                case DIVIDE -> a.div(b);
            };
        }
    }

    private final Parallel parallel;

    Elementwise(Parallel parallel) {
        this.parallel = parallel;
    }

    void fill(long y, float value, long n) {
        parallel.ranges(n, GRAIN, (from, to) -> fillRun(y + 4 * from, value, (int) (to - from)));
    }

    static void fillRun(long y, float value, int n) {
        var v = FloatVector.broadcast(F, value);
        int i = 0;
        for (; i < F.loopBound(n); i += LANES) {
            store(y, i, v);
        }
        if (i < n) {
            store(y, i, v, first(n - i));
        }
    }

    void combine(Binary f, long y, long a, long b, long n, boolean add) {
        parallel.ranges(n, GRAIN,
                (from, to) -> combineRun(f, y + 4 * from, a + 4 * from, b + 4 * from, (int) (to - from), add));
    }

    static void combineRun(Binary f, long y, long a, long b, int n, boolean add) {
        int i = 0;
        for (; i < F.loopBound(n); i += LANES) {
            var v = Binary.apply(f, load(a, i), load(b, i));
            store(y, i, add ? v.add(load(y, i)) : v);
        }
        if (i < n) {
            var tail = first(n - i);
            var v = Binary.apply(f, load(a, i, tail), load(b, i, tail));
            store(y, i, add ? v.add(load(y, i, tail)) : v, tail);
        }
    }

    void scale(long y, long x, float alpha, long n, boolean add) {
        parallel.ranges(n, GRAIN, (from, to) -> scaleRun(y + 4 * from, x + 4 * from, alpha, (int) (to - from), add));
    }

    static void scaleRun(long y, long x, float alpha, int n, boolean add) {
        var factor = FloatVector.broadcast(F, alpha);
        int i = 0;
        for (; i < F.loopBound(n); i += LANES) {
            var v = load(x, i);
            store(y, i, add ? v.fma(factor, load(y, i)) : v.mul(factor));
        }
        if (i < n) {
            var tail = first(n - i);
            var v = load(x, i, tail);
            store(y, i, add ? v.fma(factor, load(y, i, tail)) : v.mul(factor), tail);
        }
    }

    void unary(Unary f, long y, long x, long n) {
        parallel.ranges(n, GRAIN / 4, (from, to) -> unaryRun(f, y + 4 * from, x + 4 * from, (int) (to - from)));
    }

    private static void unaryRun(Unary f, long y, long x, int n) {
        int i = 0;
        for (; i < F.loopBound(n); i += LANES) {
            store(y, i, Functions.apply(f, load(x, i)));
        }
        if (i < n) {
            var tail = first(n - i);
            store(y, i, Functions.apply(f, load(x, i, tail)), tail);
        }
    }

    void unaryBackward(Unary f, long dx, long dy, long x, long n, boolean add) {
        parallel.ranges(n, GRAIN / 4, (from, to) -> unaryBackwardRun(f, dx + 4 * from, dy + 4 * from, x + 4 * from,
                (int) (to - from), add));
    }

    private static void unaryBackwardRun(Unary f, long dx, long dy, long x, int n, boolean add) {
        int i = 0;
        for (; i < F.loopBound(n); i += LANES) {
            var v = load(dy, i).mul(Functions.derivative(f, load(x, i)));
            store(dx, i, add ? v.add(load(dx, i)) : v);
        }
        if (i < n) {
            var tail = first(n - i);
            var v = load(dy, i, tail).mul(Functions.derivative(f, load(x, i, tail)));
            store(dx, i, add ? v.add(load(dx, i, tail)) : v, tail);
        }
    }

    void dropout(long y, long x, float p, RandomKey key, long n, boolean add) {
        float kept = 1 / (1 - p);
        parallel.ranges(n, GRAIN / 4, (from, to) -> {
            var philox = new Philox(key);
            for (long i = from; i < to; i++) {
                float v = philox.uniform(i) >= p ? Vectors.get(x, i) * kept : 0;
                Vectors.set(y, i, add ? Vectors.get(y, i) + v : v);
            }
        });
    }

    /** y[r][c] = x[r][c] + bias[c]. */
    void addBias(long y, long x, long bias, int rows, int columns) {
        parallel.ranges(rows, rowGrain(columns), (from, to) -> {
            for (long r = from; r < to; r++) {
                long offset = 4 * r * columns;
                combineRun(Binary.ADD, y + offset, x + offset, bias, columns, false);
            }
        });
    }

    /** y[r][c] (+)= x[r][c] · row[c]. */
    void multiplyRow(long y, long x, long row, int rows, int columns, boolean add) {
        parallel.ranges(rows, rowGrain(columns), (from, to) -> {
            for (long r = from; r < to; r++) {
                long offset = 4 * r * columns;
                combineRun(Binary.MULTIPLY, y + offset, x + offset, row, columns, add);
            }
        });
    }

    /** Rows per task, so that a task has about GRAIN elements. */
    static int rowGrain(int columns) {
        return Math.max(1, GRAIN / Math.max(1, columns));
    }
}
