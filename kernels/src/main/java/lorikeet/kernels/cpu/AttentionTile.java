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
 * The scores of QUERIES queries (a block) against up to KEYS keys, held transposed: one row per key, one lane per query.
 * So the products need no packed keys or values, and the softmax's maxima and sums run down the rows, lane by lane.
 */
final class AttentionTile {
    static final int QUERIES = 2 * LANES;
    static final int KEYS = 64;

    private AttentionTile() {}

    /** target[d][i] = factor · source[i][d] for {@code queries} rows i, and 0 for the remaining lanes. */
    static void packTransposed(long target, long source, long stride, int queries, int size, float factor) {
        for (int i = 0; i < QUERIES; i++) {
            for (int d = 0; d < size; d++) {
                set(target, (long) d * QUERIES + i, i < queries ? factor * get(source, i * stride + d) : 0);
            }
        }
    }

    /** Scores of keys after their query become −∞: key {@code j} of the tile is seen from lane {@code j − ahead} on. */
    static void maskFuture(long scores, int keys, int ahead) {
        for (int j = Math.max(0, ahead + 1); j < keys; j++) {
            for (int v = 0; v < QUERIES; v += LANES) {
                int hidden = Math.clamp(j - ahead - v, 0, LANES);
                if (hidden > 0) {
                    store(scores, (long) j * QUERIES + v, FloatVector.broadcast(F, Float.NEGATIVE_INFINITY),
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
    static void softmaxStep(long scores, int keys, long max, long sum, long factor) {
        for (int v = 0; v < QUERIES; v += LANES) {
            var before = load(max, v);
            var m = before;
            for (int j = 0; j < keys; j++) {
                var s = load(scores, (long) j * QUERIES + v);
                m = m.blend(s, s.compare(VectorOperators.GT, m));
            }
            var scale = Functions.exp(before.sub(m));
            var total = load(sum, v).mul(scale);
            for (int j = 0; j < keys; j++) {
                var p = Functions.exp(load(scores, (long) j * QUERIES + v).sub(m));
                store(scores, (long) j * QUERIES + v, p);
                total = total.add(p);
            }
            store(max, v, m);
            store(sum, v, total);
            store(factor, v, scale);
        }
    }

    /** scores ← exp(score − logSumExp of the lane): the softmax, computed again. */
    static void weights(long scores, int keys, long logSumExp) {
        for (int v = 0; v < QUERIES; v += LANES) {
            var shift = load(logSumExp, v);
            for (int j = 0; j < keys; j++) {
                long at = (long) j * QUERIES + v;
                store(scores, at, Functions.exp(load(scores, at).sub(shift)));
            }
        }
    }

    /** gradients ← weights · (gradients − delta of the lane): backward through the softmax. */
    static void softmaxBackward(long gradients, long weights, int keys, long delta) {
        for (int v = 0; v < QUERIES; v += LANES) {
            var d = load(delta, v);
            for (int j = 0; j < keys; j++) {
                long at = (long) j * QUERIES + v;
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
        for (int i = 0; i < queries; i++) {
            long start = ((row + i) * shape.heads() + head) * width + firstKey;
            for (int j = 0; j < keys; j++) {
                long at = (long) j * QUERIES + i;
                set(tile, at, philox.uniform(start + j) >= shape.dropout() ? get(tile, at) * kept : 0);
            }
        }
    }
}
