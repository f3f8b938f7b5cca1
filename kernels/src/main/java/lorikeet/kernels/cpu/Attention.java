package lorikeet.kernels.cpu;

import static lorikeet.kernels.cpu.AttentionTile.KEYS;
import static lorikeet.kernels.cpu.AttentionTile.QUERIES;
import static lorikeet.kernels.cpu.Vectors.F;
import static lorikeet.kernels.cpu.Vectors.LANES;
import static lorikeet.kernels.cpu.Vectors.broadcast;
import static lorikeet.kernels.cpu.Vectors.get;
import static lorikeet.kernels.cpu.Vectors.load;
import static lorikeet.kernels.cpu.Vectors.set;
import static lorikeet.kernels.cpu.Vectors.store;

import jdk.incubator.vector.FloatVector;
import lorikeet.kernels.AttentionShape;
import lorikeet.kernels.Matrix;
import lorikeet.kernels.Philox;
import lorikeet.kernels.Spans;

/**
 * Causal attention forward, tile by tile with an online softmax (Dao, Fu, Ermon, Rudra, Ré: FlashAttention, 2022). A task
 * is one sequence and one key–value head. Sequences of very few queries (generation) go query by query instead.
 */
final class Attention {
    /** Sequences with fewer queries than this would leave too many lanes of a tile empty. */
    private static final int FEW_QUERIES = LANES / 2;

    private final MatrixProducts products;
    private final Rows out, q, k, v, prefixK, prefixV;
    private final long logSumExp;
    private final Spans spans;
    private final AttentionShape shape;
    private final int size, width;

    /** Rows of numbers, {@code stride} elements apart. */
    record Rows(long address, long stride) {
        static Rows of(Matrix m) {
            return m == null ? null : new Rows(m.data().address(), m.stride());
        }

        long at(long row, long column) {
            return address + 4 * (row * stride + column);
        }
    }

    Attention(MatrixProducts products, Matrix out, long logSumExp, Matrix q, Matrix k, Matrix v, Matrix prefixK,
            Matrix prefixV, Spans spans,
            AttentionShape shape) {
        this.products = products;
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
        long tile = (KEYS + size + 3L) * QUERIES + products.tileScratch(Math.max(size, KEYS));
        return Math.max(tile, width) + 15 & -16;
    }

    /** {@code scratch} has {@link #scratchSize} floats for each worker. */
    void run(Parallel parallel, long scratch) {
        int heads = shape.kvHeads(), group = shape.heads() / heads;
        parallel.tasks(spans.sequences() * heads, (task, worker) -> {
            int s = task / heads, kvHead = task % heads;
            long mine = scratch + 4 * scratchSize() * worker;
            for (int head = kvHead * group; head < (kvHead + 1) * group; head++) {
                if (spans.length(s) < FEW_QUERIES) {
                    for (int i = 0; i < spans.length(s); i++) {
                        query(s, head, kvHead, i, mine);
                    }
                } else {
                    for (int i = 0; i < spans.length(s); i += QUERIES) {
                        block(s, head, kvHead, i, worker, mine);
                    }
                }
            }
        });
    }

    /** Queries {@code start} to {@code start} + QUERIES − 1 of sequence {@code s}. */
    private void block(int s, int head, int kvHead, int start, int worker, long scratch) {
        int queries = Math.min(QUERIES, spans.length(s) - start);
        long row = spans.offsets()[s] + start;
        int lanes = AttentionTile.lanes(queries);
        long scores = scratch;                                // [KEYS, lanes]
        long sums = scores + 4L * KEYS * lanes;               // [queries, size]
        long max = sums + 4L * size * queries;                // [lanes], as the next two
        long total = max + 4L * lanes;
        long factor = total + 4L * lanes;
        long tileScratch = factor + 4L * lanes;
        Elementwise.fillRun(max, Float.NEGATIVE_INFINITY, lanes);
        Elementwise.fillRun(total, 0, lanes);
        int prefix = spans.prefixLength()[s];
        int keys = prefix + start + queries;
        for (int j = 0, n; j < keys; j += n) {
            boolean inPrefix = j < prefix;
            n = Math.min(KEYS, (inPrefix ? prefix : keys) - j);
            long keyRow = inPrefix ? spans.prefixStart()[s] + j : spans.offsets()[s] + j - prefix;
            var key = inPrefix ? prefixK : k;
            var value = inPrefix ? prefixV : v;
            long column = (long) kvHead * size;
            products.tile(worker, scores, lanes, key.at(keyRow, column), key.stride, 1, q.at(row, (long) head * size),
                    1,
                    q.stride, n, queries, size, shape.scale(), false, tileScratch);
            if (!inPrefix) {
                AttentionTile.maskFuture(scores, n, lanes, start - (j - prefix));
            }
            AttentionTile.softmaxStep(scores, n, lanes, max, total, factor);
            if (shape.dropout() > 0) {
                AttentionTile.dropout(scores, n, queries, shape, row, head, j, width);
            }
            for (int i = 0; i < queries && j > 0; i++) {
                Elementwise.scaleRun(sums + 4L * i * size, sums + 4L * i * size, get(factor, i), size);
            }
            products.tile(worker, sums, size, scores, 1, lanes, value.at(keyRow, column), value.stride, 1, queries,
                    size, n, 1, j > 0, tileScratch);
        }
        for (int i = 0; i < queries; i++) {
            Elementwise.scaleRun(out.at(row + i, (long) head * size), sums + 4L * i * size, 1 / get(total, i), size);
            set(logSumExp, (row + i) * shape.heads() + head, get(max, i) + (float) Math.log(get(total, i)));
        }
    }

    /** One query against all its keys at once. */
    private void query(int s, int head, int kvHead, int position, long scores) {
        long row = spans.offsets()[s] + position;
        int prefix = spans.prefixLength()[s];
        int keys = prefix + position + 1;
        long query = q.at(row, (long) head * size);
        long column = (long) kvHead * size;
        for (int j = 0; j < keys; j++) {
            long key = j < prefix
                    ? prefixK.at(spans.prefixStart()[s] + j, column)
                    : k.at(spans.offsets()[s] + j - prefix, column);
            set(scores, j, shape.scale() * Normalization.dotRun(query, key, size));
        }
        float max = Normalization.maxRun(scores, keys);
        float total = Normalization.exponentialsRun(scores, scores, max, keys);
        set(logSumExp, row * shape.heads() + head, max + (float) Math.log(total));
        if (shape.dropout() > 0) {
            var philox = new Philox(shape.key());
            long start = (row * shape.heads() + head) * width;
            float kept = 1 / (1 - shape.dropout());
            for (int j = 0; j < keys; j++) {
                set(scores, j, philox.uniformAt(start + j) >= shape.dropout() ? get(scores, j) * kept : 0);
            }
        }
        long target = out.at(row, (long) head * size);
        Elementwise.fillRun(target, 0, size);
        if (prefix > 0) {
            addWeightedRun(target, scores, prefixV.at(spans.prefixStart()[s], column), prefixV.stride, prefix, size);
        }
        addWeightedRun(target, scores + 4L * prefix, v.at(spans.offsets()[s], column), v.stride, keys - prefix, size);
        Elementwise.scaleRun(target, target, 1 / total, size);
    }

    /** target += Σⱼ weights[j] · rows[j]. */
    private static void addWeightedRun(long target, long weights, long rows, long stride, int n, int size) {
        for (int d = 0; d < size; d += LANES) {
            var mask = F.indexInRange(d, size);
            FloatVector a = load(target, d, mask), b = FloatVector.zero(F);
            int j = 0;
            for (; j + 1 < n; j += 2) {
                a = broadcast(weights, j).fma(load(rows, j * stride + d, mask), a);
                b = broadcast(weights, j + 1).fma(load(rows, (j + 1) * stride + d, mask), b);
            }
            if (j < n) {
                a = broadcast(weights, j).fma(load(rows, j * stride + d, mask), a);
            }
            store(target, d, a.add(b), mask);
        }
    }
}
