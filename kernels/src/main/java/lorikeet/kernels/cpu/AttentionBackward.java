package lorikeet.kernels.cpu;

import static lorikeet.kernels.cpu.AttentionTile.KEYS;
import static lorikeet.kernels.cpu.AttentionTile.QUERIES;
import static lorikeet.kernels.cpu.Vectors.get;
import static lorikeet.kernels.cpu.Vectors.set;

import lorikeet.kernels.AttentionShape;
import lorikeet.kernels.Matrix;
import lorikeet.kernels.Spans;
import lorikeet.kernels.cpu.Attention.Rows;

/**
 * Backward of causal attention: scores are computed again tile by tile. With weights P, dropout factors D, and
 * δ = Σ dout · out per row:
 *
 * <pre>
 * dV = (P∘D)ᵀ dout,   dS = P ∘ (D ∘ (dout Vᵀ) − δ),   dQ = scale · dS K,   dK = scale · dSᵀ Q
 * </pre>
 *
 * A task is one sequence and one key–value head, which own their rows of dq, dk and dv. Sequences share prefix rows, so
 * gradients of these come from tasks of one key–value head each, which take the sequences in turn.
 */
final class AttentionBackward {
    private final MatrixProducts products;
    private final Rows dq, dk, dv, dPrefixK, dPrefixV, dout, out, q, k, v, prefixK, prefixV;
    private final long logSumExp;
    private final Spans spans;
    private final AttentionShape shape;
    private final int size, width;

    AttentionBackward(MatrixProducts products, Matrix dq, Matrix dk, Matrix dv, Matrix dPrefixK, Matrix dPrefixV,
            Matrix dout, Matrix out,
            long logSumExp,
            Matrix q, Matrix k, Matrix v, Matrix prefixK, Matrix prefixV, Spans spans, AttentionShape shape) {
        this.products = products;
        this.dq = Rows.of(dq);
        this.dk = Rows.of(dk);
        this.dv = Rows.of(dv);
        this.dPrefixK = Rows.of(dPrefixK);
        this.dPrefixV = Rows.of(dPrefixV);
        this.dout = Rows.of(dout);
        this.out = Rows.of(out);
        this.logSumExp = logSumExp;
        this.q = Rows.of(q);
        this.k = Rows.of(k);
        this.v = Rows.of(v);
        this.prefixK = Rows.of(prefixK);
        this.prefixV = Rows.of(prefixV);
        this.spans = spans;
        this.shape = shape;
        size = shape.headSize();
        width = spans.longestPrefix() + spans.longest();
    }

    /** Floats of scratch space per worker. */
    long scratchSize() {
        long tiles = (2L + (shape.dropout() > 0 ? 1 : 0)) * KEYS * QUERIES;
        return tiles + 2 * QUERIES + products.tileScratch(Math.max(size, KEYS)) + 15 & -16;
    }

    /** {@code scratch} has {@link #scratchSize} floats for each worker. */
    void run(Parallel parallel, long scratch) {
        int kvHeads = shape.kvHeads();
        boolean prefixFirst = dPrefixK != null && spans.longestPrefix() > 0;
        if (prefixFirst) {
            parallel.tasks(kvHeads, (kvHead, worker) -> {
                for (int s = 0; s < spans.sequences(); s++) {
                    if (spans.prefixLength()[s] > 0) {
                        sequence(s, kvHead, true, false, false, worker, scratch + 4 * scratchSize() * worker);
                    }
                }
            });
        }
        parallel.tasks(spans.sequences() * kvHeads, (task, worker) -> {
            int s = task / kvHeads, kvHead = task % kvHeads;
            for (int i = 0; i < spans.length(s); i++) {
                long row = spans.offsets()[s] + i;
                Elementwise.fillRun(dk.at(row, (long) kvHead * size), 0, size);
                Elementwise.fillRun(dv.at(row, (long) kvHead * size), 0, size);
            }
            boolean prefix = spans.prefixLength()[s] > 0;
            sequence(s, kvHead, prefix && !prefixFirst, true, prefix && prefixFirst, worker,
                    scratch + 4 * scratchSize() * worker);
        });
    }

    /** All queries of one sequence that use {@code kvHead}, against the prefix or the sequence's own keys or both. */
    private void sequence(int s, int kvHead, boolean withPrefix, boolean withOwn, boolean addToDq, int worker,
            long scratch) {
        int group = shape.heads() / shape.kvHeads();
        for (int head = kvHead * group; head < (kvHead + 1) * group; head++) {
            for (int i = 0; i < spans.length(s); i += QUERIES) {
                block(s, head, kvHead, i, withPrefix, withOwn, addToDq, worker, scratch);
            }
        }
    }

    private void block(int s, int head, int kvHead, int start, boolean withPrefix, boolean withOwn, boolean addToDq,
            int worker,
            long scratch) {
        int queries = Math.min(QUERIES, spans.length(s) - start);
        long row = spans.offsets()[s] + start;
        long column = (long) head * size, keyColumn = (long) kvHead * size;
        int lanes = AttentionTile.lanes(queries);
        long weights = scratch;                                // [KEYS, lanes]
        long gradients = weights + 4L * KEYS * lanes;          // [KEYS, lanes]
        long shift = gradients + 4L * KEYS * lanes;            // [lanes]
        long delta = shift + 4L * lanes;                       // [lanes]
        long dropped = shape.dropout() > 0 ? delta + 4L * lanes : weights; // [KEYS, lanes]
        long tileScratch = delta + 4L * lanes + (shape.dropout() > 0 ? 4L * KEYS * lanes : 0);
        Elementwise.fillRun(shift, Float.MAX_VALUE, lanes);
        Elementwise.fillRun(delta, 0, lanes);
        for (int i = 0; i < queries; i++) {
            set(shift, i, get(logSumExp, (row + i) * shape.heads() + head));
            set(delta, i, Normalization.dotRun(dout.at(row + i, column), out.at(row + i, column), size));
        }
        int prefix = spans.prefixLength()[s];
        int end = withOwn ? prefix + start + queries : prefix;
        boolean add = addToDq;
        for (int j = withPrefix ? 0 : prefix, n; j < end; j += n) {
            boolean inPrefix = j < prefix;
            n = Math.min(KEYS, (inPrefix ? prefix : end) - j);
            long keyRow = inPrefix ? spans.prefixStart()[s] + j : spans.offsets()[s] + j - prefix;
            var key = inPrefix ? prefixK : k;
            var value = inPrefix ? prefixV : v;
            products.tile(worker, weights, lanes, key.at(keyRow, keyColumn), key.stride(), 1, q.at(row, column), 1,
                    q.stride(),
                    n, queries, size, shape.scale(), false, tileScratch);
            if (!inPrefix) {
                AttentionTile.maskFuture(weights, n, lanes, start - (j - prefix));
            }
            AttentionTile.weights(weights, n, lanes, shift);
            products.tile(worker, gradients, lanes, value.at(keyRow, keyColumn), value.stride(), 1,
                    dout.at(row, column), 1,
                    dout.stride(), n, queries, size, 1, false, tileScratch);
            if (shape.dropout() > 0) {
                Vectors.copyBytes(dropped, weights, 4L * n * lanes);
                AttentionTile.dropout(dropped, n, queries, shape, row, head, j, width);
                AttentionTile.dropout(gradients, n, queries, shape, row, head, j, width);
            }
            var dKey = inPrefix ? dPrefixK : dk;
            var dValue = inPrefix ? dPrefixV : dv;
            if (dValue != null) {
                products.tile(worker, dValue.at(keyRow, keyColumn), dValue.stride(), dropped, lanes, 1,
                        dout.at(row, column),
                        dout.stride(), 1, n, size, queries, 1, true, tileScratch);
            }
            AttentionTile.softmaxBackward(gradients, weights, n, lanes, delta);
            if (dKey != null) {
                products.tile(worker, dKey.at(keyRow, keyColumn), dKey.stride(), gradients, lanes, 1, q.at(row, column),
                        q.stride(), 1, n, size, queries, shape.scale(), true, tileScratch);
            }
            products.tile(worker, dq.at(row, column), dq.stride(), gradients, 1, lanes, key.at(keyRow, keyColumn),
                    key.stride(),
                    1, queries, size, n, shape.scale(), add, tileScratch);
            add = true;
        }
    }
}
