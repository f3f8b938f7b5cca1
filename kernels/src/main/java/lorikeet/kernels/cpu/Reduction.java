package lorikeet.kernels.cpu;

import static lorikeet.kernels.cpu.Vectors.F;
import static lorikeet.kernels.cpu.Vectors.LANES;
import static lorikeet.kernels.cpu.Vectors.first;
import static lorikeet.kernels.cpu.Vectors.get;
import static lorikeet.kernels.cpu.Vectors.load;
import static lorikeet.kernels.cpu.Vectors.set;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/** Sums whose order is fixed by shape. Long ones are sums of sums over blocks, which keeps rounding errors small. */
final class Reduction {
    /** Numbers summed in one go along an axis before the result is added to the whole. */
    private static final int BLOCK = 64;
    /** Elements of a contiguous run summed by one task. */
    static final int CHUNK = 1 << 14;

    private final Parallel parallel;

    Reduction(Parallel parallel) {
        this.parallel = parallel;
    }

    /** Chunks of one run of {@code reduce} elements; {@code partial} needs that many floats per run if more than one. */
    static int chunks(int reduce) {
        return Math.max(1, Math.ceilDiv(reduce, CHUNK));
    }

    /** y[o] (+)= Σᵣ x[o][r]; {@code partial} has room for outer · chunks(reduce) floats. */
    void sumRuns(long y, long x, long partial, int outer, int reduce, boolean add) {
        int chunks = chunks(reduce);
        parallel.ranges((long) outer * chunks, chunks > 1 ? 1 : Elementwise.rowGrain(reduce), (from, to) -> {
            for (long task = from; task < to; task++) {
                long start = task % chunks * CHUNK;
                set(partial, task,
                        sumRun(x + 4 * (task / chunks * reduce + start), (int) Math.min(CHUNK, reduce - start)));
            }
        });
        for (int o = 0; o < outer; o++) {
            double total = 0;
            for (int c = 0; c < chunks; c++) {
                total += get(partial, (long) o * chunks + c);
            }
            set(y, o, add ? get(y, o) + (float) total : (float) total);
        }
    }

    static float sumRun(long x, int n) {
        var a = FloatVector.zero(F);
        var b = a;
        int i = 0;
        for (; i + 2 * LANES <= n; i += 2 * LANES) {
            a = a.add(load(x, i));
            b = b.add(load(x, i + LANES));
        }
        for (; i < n; i += LANES) {
            a = a.add(load(x, i, F.indexInRange(i, n)));
        }
        return Vectors.sum(a.add(b));
    }

    /** y[o][i] (+)= Σᵣ x[o][r][i]: a task is a strip of columns that a few vectors span. */
    void sumColumns(long y, long x, int outer, int reduce, int inner, boolean add) {
        int strips = Math.ceilDiv(inner, LANES);
        long grain = Math.max(1, Elementwise.GRAIN / ((long) LANES * Math.max(1, reduce)));
        parallel.ranges((long) outer * strips, Math.max(grain, Math.min(4, strips)), (from, to) -> {
            for (long task = from; task < to; task++) {
                long o = task / strips;
                int column = (int) (task % strips) * LANES;
                var mask = first(Math.min(LANES, inner - column));
                sumStripRun(y + 4 * (o * inner + column), x + 4 * (o * reduce * inner + column), reduce, inner, mask,
                        add);
            }
        });
    }

    private static void sumStripRun(long y, long x, int reduce, int stride, VectorMask<Float> mask, boolean add) {
        var total = FloatVector.zero(F);
        for (int block = 0; block < reduce; block += BLOCK) {
            var sum = FloatVector.zero(F);
            int end = Math.min(reduce, block + BLOCK);
            for (int r = block; r < end; r++) {
                sum = sum.add(load(x, (long) r * stride, mask));
            }
            total = total.add(sum);
        }
        Elementwise.put(y, 0, total, add, mask);
    }

    /** dgamma (+)= Σ dy · (x − mean) · rstd, dbeta (+)= Σ dy over rows; an address of 0 is a target not wanted. */
    void layerNormParameters(long dgamma, long dbeta, long dy, long x, long mean, long rstd, int rows, int columns,
            boolean addGamma, boolean addBeta) {
        int strips = Math.ceilDiv(columns, LANES);
        parallel.ranges(strips, 4, (from, to) -> {
            for (long s = from; s < to; s++) {
                long column = s * LANES;
                var mask = first((int) Math.min(LANES, columns - column));
                if (dgamma != 0) {
                    gammaStripRun(dgamma + 4 * column, dy + 4 * column, x + 4 * column, mean, rstd, rows, columns, mask,
                            addGamma);
                }
                if (dbeta != 0) {
                    sumStripRun(dbeta + 4 * column, dy + 4 * column, rows, columns, mask, addBeta);
                }
            }
        });
    }

    private static void gammaStripRun(long dgamma, long dy, long x, long mean, long rstd, int rows, int columns,
            VectorMask<Float> mask, boolean add) {
        var total = FloatVector.zero(F);
        for (int block = 0; block < rows; block += BLOCK) {
            var sum = FloatVector.zero(F);
            int end = Math.min(rows, block + BLOCK);
            for (int r = block; r < end; r++) {
                var normalised = load(x, (long) r * columns, mask).sub(get(mean, r)).mul(get(rstd, r));
                sum = load(dy, (long) r * columns, mask).fma(normalised, sum);
            }
            total = total.add(sum);
        }
        Elementwise.put(dgamma, 0, total, add, mask);
    }
}
