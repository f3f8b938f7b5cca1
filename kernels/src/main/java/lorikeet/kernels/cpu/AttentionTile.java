package lorikeet.kernels.cpu;

import static lorikeet.kernels.cpu.Vectors.F;
import static lorikeet.kernels.cpu.Vectors.LANES;
import static lorikeet.kernels.cpu.Vectors.get;
import static lorikeet.kernels.cpu.Vectors.load;
import static lorikeet.kernels.cpu.Vectors.set;
import static lorikeet.kernels.cpu.Vectors.store;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import lorikeet.kernels.AttentionShape;
import lorikeet.kernels.Philox;

/**
 * The scores of up to QUERIES queries (a block) against up to KEYS keys, held transposed: one row per key, one lane per query.
 * So the products need no packed keys or values, and the softmax's maxima and sums run down the rows, lane by lane.
 */
final class AttentionTile {
    static final int QUERIES = 64;
    static final int KEYS = 128;
    private static final FloatVector HIDDEN = FloatVector.broadcast(F, Float.NEGATIVE_INFINITY);
    /** The numbers of the lanes, 0, 1, 2, …. */
    private static final FloatVector LANE = FloatVector.zero(F).addIndex(1);

    private AttentionTile() {}

    /** Lanes of a row: whole vectors; those beyond {@code queries} hold anything. */
    static int lanes(int queries) {
        return F.loopBound(queries + LANES - 1);
    }

    /** Scores of keys after their query become −∞: key {@code j} of the tile is seen from lane {@code j − ahead} on. */
    static void maskFuture(long scores, int keys, int lanes, int ahead) {
        for (int j = Math.max(0, ahead + 1); j < keys; j++) {
            var first = FloatVector.broadcast(F, j - ahead);
            for (int v = 0; v < Math.min(j - ahead, lanes); v += LANES) {
                long at = (long) j * lanes + v;
                store(scores, at, load(scores, at).blend(HIDDEN, LANE.add(v).compare(VectorOperators.LT, first)));
            }
        }
    }

    /**
     * One step of the online softmax (Milakov and Gimelshein 2018): scores become exp(score − m) with the new maximum m
     * of each lane; {@code factor} is what everything summed so far must be multiplied by, which has been done to
     * {@code sum} already.
     */
    static void softmaxStep(long scores, int keys, int lanes, long max, long sum, long factor) {
        for (int v = 0; v < lanes; v += LANES) {
            raiseMaximum(scores + 4L * v, keys, lanes, max + 4L * v, factor + 4L * v);
            exponentials(scores + 4L * v, keys, lanes, max + 4L * v, sum + 4L * v, factor + 4L * v);
        }
    }

    private static void raiseMaximum(long scores, int keys, int lanes, long max, long factor) {
        var before = load(max, 0);
        var m = before;
        for (int j = 0; j < keys; j++) {
            var s = load(scores, (long) j * lanes);
            m = m.blend(s, s.compare(VectorOperators.GT, m));
        }
        store(max, 0, m);
        store(factor, 0, Functions.exp(before.sub(m)));
    }

    private static void exponentials(long scores, int keys, int lanes, long max, long sum, long factor) {
        var m = load(max, 0);
        var total = load(sum, 0).mul(load(factor, 0));
        for (int j = 0; j < keys; j++) {
            long at = (long) j * lanes;
            var p = Functions.exp(load(scores, at).sub(m));
            store(scores, at, p);
            total = total.add(p);
        }
        store(sum, 0, total);
    }

    /** scores ← exp(score − logSumExp of the lane): the softmax, computed again. */
    static void weights(long scores, int keys, int lanes, long logSumExp) {
        for (int v = 0; v < lanes; v += LANES) {
            weightsColumn(scores + 4L * v, keys, lanes, logSumExp + 4L * v);
        }
    }

    private static void weightsColumn(long scores, int keys, int lanes, long logSumExp) {
        var shift = load(logSumExp, 0);
        for (int j = 0; j < keys; j++) {
            long at = (long) j * lanes;
            store(scores, at, Functions.exp(load(scores, at).sub(shift)));
        }
    }

    /** gradients ← weights · (gradients − delta of the lane): backward through the softmax. */
    static void softmaxBackward(long gradients, long weights, int keys, int lanes, long delta) {
        for (int v = 0; v < lanes; v += LANES) {
            var d = load(delta, v);
            for (int j = 0; j < keys; j++) {
                long at = (long) j * lanes + v;
                store(gradients, at, load(gradients, at).sub(d).mul(load(weights, at)));
            }
        }
    }

    /**
     * Multiplies each number by 0 or 1 / (1 − dropout), as the stream of {@code shape} says.
     *
     * @param firstKey the tile's first key, counted from the start of the prefix
     * @param width    numbers of the stream per row and head
     */
    static void dropout(long tile, int keys, int queries, AttentionShape shape, long row, int head, int firstKey,
            int width) {
        var philox = new Philox(shape.key());
        float kept = 1 / (1 - shape.dropout());
        int lanes = lanes(queries);
        for (int i = 0; i < queries; i++) {
            long start = ((row + i) * shape.heads() + head) * width + firstKey;
            for (int j = 0; j < keys; j++) {
                long at = (long) j * lanes + i;
                set(tile, at, philox.uniformAt(start + j) >= shape.dropout() ? get(tile, at) * kept : 0);
            }
        }
    }
}
