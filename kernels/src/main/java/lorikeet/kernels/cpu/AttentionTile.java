package lorikeet.kernels.cpu;

import static lorikeet.kernels.cpu.Vectors.F;
import static lorikeet.kernels.cpu.Vectors.LANES;
import static lorikeet.kernels.cpu.Vectors.first;
import static lorikeet.kernels.cpu.Vectors.get;
import static lorikeet.kernels.cpu.Vectors.load;
import static lorikeet.kernels.cpu.Vectors.set;
import static lorikeet.kernels.cpu.Vectors.store;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import lorikeet.kernels.AttentionShape;

/**
 * The scores of up to QUERIES queries (a block) against up to KEYS keys, held transposed: one row per key, one lane per query.
 * So the products need no packed keys or values, and the softmax's maxima and sums run down the rows, lane by lane.
 */
final class AttentionTile {
    static final int QUERIES = 64;
    static final int KEYS = 128;

    private AttentionTile() {}

    /** Lanes of a row: whole vectors; those beyond {@code queries} hold anything. */
    static int lanes(int queries) {
        return F.loopBound(queries + LANES - 1);
    }

    /** Scores of keys after their query become −∞: key {@code j} of the tile is seen from lane {@code j − ahead} on. */
    static void maskFuture(long scores, int keys, int lanes, int ahead) {
        for (int j = Math.max(0, ahead + 1); j < keys; j++) {
            for (int v = 0; v < lanes; v += LANES) {
                int hidden = Math.clamp(j - ahead - v, 0, LANES);
                if (hidden > 0) {
                    store(scores, (long) j * lanes + v, FloatVector.broadcast(F, Float.NEGATIVE_INFINITY),
                            first(hidden));
                }
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
            var before = load(max, v);
            var m = before;
            for (int j = 0; j < keys; j++) {
                var s = load(scores, (long) j * lanes + v);
                m = m.blend(s, s.compare(VectorOperators.GT, m));
            }
            var scale = Functions.exp(before.sub(m));
            var total = load(sum, v).mul(scale);
            for (int j = 0; j < keys; j++) {
                var p = Functions.exp(load(scores, (long) j * lanes + v).sub(m));
                store(scores, (long) j * lanes + v, p);
                total = total.add(p);
            }
            store(max, v, m);
            store(sum, v, total);
            store(factor, v, scale);
        }
    }

    /** scores ← exp(score − logSumExp of the lane): the softmax, computed again. */
    static void weights(long scores, int keys, int lanes, long logSumExp) {
        for (int v = 0; v < lanes; v += LANES) {
            var shift = load(logSumExp, v);
            for (int j = 0; j < keys; j++) {
                long at = (long) j * lanes + v;
                store(scores, at, Functions.exp(load(scores, at).sub(shift)));
            }
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
                set(tile, at, philox.uniform(start + j) >= shape.dropout() ? get(tile, at) * kept : 0);
            }
        }
    }
}
