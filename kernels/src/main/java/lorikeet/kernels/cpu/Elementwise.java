package lorikeet.kernels.cpu;

import static lorikeet.kernels.cpu.Vectors.F;
import static lorikeet.kernels.cpu.Vectors.LANES;
import static lorikeet.kernels.cpu.Vectors.first;
import static lorikeet.kernels.cpu.Vectors.get;
import static lorikeet.kernels.cpu.Vectors.load;
import static lorikeet.kernels.cpu.Vectors.set;
import static lorikeet.kernels.cpu.Vectors.store;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import lorikeet.kernels.Philox;
import lorikeet.kernels.RandomKey;
import lorikeet.kernels.Unary;

/** Loops over runs of numbers that look at one element of each operand at a time. */
final class Elementwise {
    /** Elements per task: three operands of this size fit the second-level cache of any current core. */
    static final int GRAIN = 1 << 15;

    /** One of {@link Functions}. */
    private interface Function {
        FloatVector of(FloatVector x);
    }

    private final Parallel parallel;

    Elementwise(Parallel parallel) {
        this.parallel = parallel;
    }

    void fill(long y, float value, long n) {
        parallel.ranges(n, GRAIN, (from, to) -> fillRun(y + 4 * from, value, (int) (to - from)));
    }

    /** The rest is filled one by one: with a masked store behind the loop, the vector would become an object at each call. */
    static void fillRun(long y, float value, int n) {
        var v = FloatVector.broadcast(F, value);
        int i = 0;
        for (; i < F.loopBound(n); i += LANES) {
            store(y, i, v);
        }
        for (; i < n; i++) {
            Vectors.set(y, i, value);
        }
    }

    void add(long y, long a, long b, long n) {
        parallel.ranges(n, GRAIN, (from, to) -> addRun(y + 4 * from, a + 4 * from, b + 4 * from, (int) (to - from)));
    }

    static void addRun(long y, long a, long b, int n) {
        int i = 0;
        for (; i < F.loopBound(n); i += LANES) {
            store(y, i, load(a, i).add(load(b, i)));
        }
        if (i < n) {
            var tail = first(n - i);
            store(y, i, load(a, i, tail).add(load(b, i, tail)), tail);
        }
    }

    void multiply(long y, long a, long b, long n, boolean add) {
        parallel.ranges(n, GRAIN,
                (from, to) -> multiplyRun(y + 4 * from, a + 4 * from, b + 4 * from, (int) (to - from), add));
    }

    private static void multiplyRun(long y, long a, long b, int n, boolean add) {
        int i = 0;
        for (; i < F.loopBound(n); i += LANES) {
            put(y, i, load(a, i).mul(load(b, i)), add);
        }
        if (i < n) {
            var tail = first(n - i);
            put(y, i, load(a, i, tail).mul(load(b, i, tail)), add, tail);
        }
    }

    void divide(long y, long a, long b, long n, boolean add) {
        parallel.ranges(n, GRAIN,
                (from, to) -> divideRun(y + 4 * from, a + 4 * from, b + 4 * from, (int) (to - from), add));
    }

    private static void divideRun(long y, long a, long b, int n, boolean add) {
        int i = 0;
        for (; i < F.loopBound(n); i += LANES) {
            put(y, i, load(a, i).div(load(b, i)), add);
        }
        if (i < n) {
            var tail = first(n - i);
            put(y, i, load(a, i, tail).div(load(b, i, tail)), add, tail);
        }
    }

    /** y[i …] (+)= v. Two stores, since vectors that meet where branches meet would be boxed. */
    static void put(long y, long i, FloatVector v, boolean add) {
        if (add) {
            store(y, i, v.add(load(y, i)));
        } else {
            store(y, i, v);
        }
    }

    static void put(long y, long i, FloatVector v, boolean add, VectorMask<Float> mask) {
        if (add) {
            store(y, i, v.add(load(y, i, mask)), mask);
        } else {
            store(y, i, v, mask);
        }
    }

    void scale(long y, long x, float alpha, long n, boolean add) {
        if (y == x && alpha == 1 && !add) {
            return; // as where a loss, whose own gradient is 1, passes on what may be large
        }
        parallel.ranges(n, GRAIN, (from, to) -> {
            if (add) {
                addScaledRun(y + 4 * from, x + 4 * from, alpha, (int) (to - from));
            } else {
                scaleRun(y + 4 * from, x + 4 * from, alpha, (int) (to - from));
            }
        });
    }

    static void scaleRun(long y, long x, float alpha, int n) {
        var factor = FloatVector.broadcast(F, alpha);
        int i = 0;
        for (; i < F.loopBound(n); i += LANES) {
            store(y, i, load(x, i).mul(factor));
        }
        for (; i < n; i++) {
            set(y, i, get(x, i) * alpha);
        }
    }

    /** y += alpha x. */
    static void addScaledRun(long y, long x, float alpha, int n) {
        var factor = FloatVector.broadcast(F, alpha);
        int i = 0;
        for (; i < F.loopBound(n); i += LANES) {
            store(y, i, load(x, i).fma(factor, load(y, i)));
        }
        for (; i < n; i++) {
            set(y, i, Math.fma(get(x, i), alpha, get(y, i)));
        }
    }

    void unary(Unary f, long y, long x, long n) {
        parallel.ranges(n, GRAIN / 4, (from, to) -> unaryRun(f, y + 4 * from, x + 4 * from, (int) (to - from)));
    }

    /** The loop of the commonest function is its own: one for all would be compiled for calls that it cannot foresee. */
    private static void unaryRun(Unary f, long y, long x, int n) {
        switch (f) {
            case GELU_TANH -> geluTanhRun(y, x, n);
            case GELU_ERF -> unaryRun(Functions::geluErf, y, x, n);
            case RELU -> unaryRun(Functions::relu, y, x, n);
            case SILU -> unaryRun(Functions::silu, y, x, n);
            case TANH -> unaryRun(Functions::tanh, y, x, n);
            case SIGMOID -> unaryRun(Functions::sigmoid, y, x, n);
            case SQRT -> unaryRun(v -> v.sqrt(), y, x, n);
        }
    }

    private static void geluTanhRun(long y, long x, int n) {
        int i = 0;
        for (; i < F.loopBound(n); i += LANES) {
            store(y, i, Functions.geluTanh(load(x, i)));
        }
        if (i < n) {
            restRun(Functions::geluTanh, y + 4L * i, x + 4L * i, n - i);
        }
    }

    /** Fewer numbers than a vector holds, apart from the loop: both in one method are too much for the compiler. */
    private static void restRun(Function f, long y, long x, int n) {
        var rest = first(n);
        store(y, 0, f.of(load(x, 0, rest)), rest);
    }

    private static void unaryRun(Function f, long y, long x, int n) {
        int i = 0;
        for (; i < F.loopBound(n); i += LANES) {
            store(y, i, f.of(load(x, i)));
        }
        if (i < n) {
            restRun(f, y + 4L * i, x + 4L * i, n - i);
        }
    }

    void unaryBackward(Unary f, long dx, long dy, long x, long n, boolean add) {
        parallel.ranges(n, GRAIN / 4, (from, to) -> unaryBackwardRun(f, dx + 4 * from, dy + 4 * from, x + 4 * from,
                (int) (to - from), add));
    }

    private static void unaryBackwardRun(Unary f, long dx, long dy, long x, int n, boolean add) {
        switch (f) {
            case GELU_TANH -> {
                if (add) {
                    geluTanhBackwardAddRun(dx, dy, x, n);
                } else {
                    geluTanhBackwardRun(dx, dy, x, n);
                }
            }
            case GELU_ERF -> unaryBackwardRun(Functions::geluErfSlope, dx, dy, x, n, add);
            case RELU -> unaryBackwardRun(Functions::reluSlope, dx, dy, x, n, add);
            case SILU -> unaryBackwardRun(Functions::siluSlope, dx, dy, x, n, add);
            case TANH -> unaryBackwardRun(Functions::tanhSlope, dx, dy, x, n, add);
            case SIGMOID -> unaryBackwardRun(Functions::sigmoidSlope, dx, dy, x, n, add);
            case SQRT -> unaryBackwardRun(Functions::sqrtSlope, dx, dy, x, n, add);
        }
    }

    private static void geluTanhBackwardRun(long dx, long dy, long x, int n) {
        int i = 0;
        for (; i < F.loopBound(n); i += LANES) {
            store(dx, i, load(dy, i).mul(Functions.geluTanhSlope(load(x, i))));
        }
        if (i < n) {
            restBackwardRun(Functions::geluTanhSlope, dx + 4L * i, dy + 4L * i, x + 4L * i, n - i, false);
        }
    }

    private static void restBackwardRun(Function slope, long dx, long dy, long x, int n, boolean add) {
        var rest = first(n);
        put(dx, 0, load(dy, 0, rest).mul(slope.of(load(x, 0, rest))), add, rest);
    }

    /** The same with one more addition; both in one method are too much for the compiler. */
    private static void geluTanhBackwardAddRun(long dx, long dy, long x, int n) {
        int i = 0;
        for (; i < F.loopBound(n); i += LANES) {
            store(dx, i, load(dy, i).mul(Functions.geluTanhSlope(load(x, i))).add(load(dx, i)));
        }
        if (i < n) {
            restBackwardRun(Functions::geluTanhSlope, dx + 4L * i, dy + 4L * i, x + 4L * i, n - i, true);
        }
    }

    private static void unaryBackwardRun(Function slope, long dx, long dy, long x, int n, boolean add) {
        int i = 0;
        for (; i < F.loopBound(n); i += LANES) {
            put(dx, i, load(dy, i).mul(slope.of(load(x, i))), add);
        }
        if (i < n) {
            restBackwardRun(slope, dx + 4L * i, dy + 4L * i, x + 4L * i, n - i, add);
        }
    }

    void dropout(long y, long x, float p, RandomKey key, long n, boolean add) {
        float kept = 1 / (1 - p);
        parallel.ranges(n, GRAIN / 4, (from, to) -> {
            var philox = new Philox(key);
            for (long i = from; i < to; i++) {
                float v = philox.uniformAt(i) >= p ? Vectors.get(x, i) * kept : 0;
                Vectors.set(y, i, add ? Vectors.get(y, i) + v : v);
            }
        });
    }

    /** y[r][c] = x[r][c] + bias[c]. */
    void addBias(long y, long x, long bias, int rows, int columns) {
        parallel.ranges(rows, rowGrain(columns), (from, to) -> {
            for (long r = from; r < to; r++) {
                long offset = 4 * r * columns;
                addRun(y + offset, x + offset, bias, columns);
            }
        });
    }

    /** y[r][c] = f(x[r][c] + bias[c]): save for the commonest f, the sum stands in y while the row lies in the cache. */
    void biasUnary(Unary f, long y, long x, long bias, int rows, int columns) {
        parallel.ranges(rows, rowGrain(4 * columns), (from, to) -> {
            for (long r = from; r < to; r++) {
                long offset = 4 * r * columns;
                if (f == Unary.GELU_TANH) {
                    biasGeluTanhRun(y + offset, x + offset, bias, columns);
                } else {
                    addRun(y + offset, x + offset, bias, columns);
                    unaryRun(f, y + offset, y + offset, columns);
                }
            }
        });
    }

    private static void biasGeluTanhRun(long y, long x, long bias, int n) {
        int i = 0;
        for (; i < F.loopBound(n); i += LANES) {
            store(y, i, Functions.geluTanh(load(x, i).add(load(bias, i))));
        }
        if (i < n) {
            addRun(y + 4L * i, x + 4L * i, bias + 4L * i, n - i);
            restRun(Functions::geluTanh, y + 4L * i, y + 4L * i, n - i);
        }
    }

    /**
     * dx[r][c] (+)= dy[r][c] · f′(x[r][c] + bias[c]).
     *
     * @param scratch {@link #rowScratch} floats for each worker
     */
    void biasUnaryBackward(Unary f, long dx, long dy, long x, long bias, int rows, int columns, boolean add,
            long scratch) {
        int grain = rowGrain(4 * columns);
        parallel.tasks(Math.ceilDiv(rows, grain), (task, worker) -> {
            long sum = scratch + 4 * rowScratch(columns) * worker;
            for (int r = task * grain; r < Math.min(rows, (task + 1) * grain); r++) {
                long offset = 4L * r * columns;
                addRun(sum, x + offset, bias, columns);
                unaryBackwardRun(f, dx + offset, dy + offset, sum, columns, add);
            }
        });
    }

    /** Floats for one row, so many that rows of different workers share no cache line. */
    static long rowScratch(int columns) {
        return columns + 31L & -16;
    }

    /** y[r][c] (+)= x[r][c] · row[c]. */
    void multiplyRow(long y, long x, long row, int rows, int columns, boolean add) {
        if (columns == 1) {
            scale(y, x, Vectors.get(row, 0), rows, add);
            return;
        }
        parallel.ranges(rows, rowGrain(columns), (from, to) -> {
            for (long r = from; r < to; r++) {
                long offset = 4 * r * columns;
                multiplyRun(y + offset, x + offset, row, columns, add);
            }
        });
    }

    /** Rows per task, so that a task has about GRAIN elements. */
    static int rowGrain(int columns) {
        return Math.max(1, GRAIN / Math.max(1, columns));
    }
}
