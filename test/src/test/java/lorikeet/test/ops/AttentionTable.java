package lorikeet.test.ops;

import java.util.ArrayList;
import java.util.List;
import lorikeet.engine.Attention;
import lorikeet.engine.Shape;
import lorikeet.engine.Tensor;
import lorikeet.kernels.AttentionShape;
import lorikeet.kernels.Philox;
import lorikeet.kernels.RandomKey;
import lorikeet.kernels.Spans;

/** Attention in the rows of the table: sequences of different lengths, prefixes shared and not, grouped heads, dropout. */
final class AttentionTable {
    private AttentionTable() {}

    /** Where the sequences and their prefixes lie, as in {@link Spans}. */
    record Layout(int[] offsets, int[] prefixStart, int[] prefixLength, int prefixRows) {
        int longest() {
            int longest = 0;
            for (int s = 0; s < prefixStart.length; s++) {
                longest = Math.max(longest, offsets[s + 1] - offsets[s]);
            }
            return longest;
        }

        int longestPrefix() {
            int longest = 0;
            for (int length : prefixLength) {
                longest = Math.max(longest, length);
            }
            return longest;
        }
    }

    static List<Op> ops() {
        var one = plain(5);
        var shared = new Layout(new int[] {0, 3, 7}, new int[] {0, 0}, new int[] {2, 2}, 2);
        var own = new Layout(new int[] {0, 3, 4, 8}, new int[] {0, 2, 2}, new int[] {2, 0, 3}, 5);
        var one3 = new AttentionShape(3, 3, 4, 0.5f);
        return List.of(
                row("attention of one token", plain(1), new AttentionShape(1, 1, 1, 1)),
                row("attention of no token", plain(0), one3),
                row("attention", one, one3),
                row("attention of several sequences", plain(3, 1, 6, 2), one3),
                row("attention of odd heads", plain(4, 9), new AttentionShape(2, 2, 13, 0.3f)),
                row("attention of long sequences", plain(70, 133), new AttentionShape(2, 2, 16, 0.25f)),
                row("attention of grouped heads", plain(5, 3), new AttentionShape(4, 2, 3, 0.5f)),
                row("attention with a shared prefix", shared, one3),
                row("attention with prefixes of their own", own, one3),
                row("attention with a long prefix", new Layout(new int[] {0, 67, 80}, new int[] {0, 0},
                        new int[] {90, 90}, 90), new AttentionShape(2, 2, 8, 0.3f)),
                row("attention of grouped heads with a prefix", own, new AttentionShape(4, 2, 3, 0.5f)),
                row("attention with dropout", plain(5, 3),
                        new AttentionShape(3, 3, 4, 0.5f, 0.3f, new RandomKey(3, 4))),
                row("attention with a prefix and dropout", own,
                        new AttentionShape(3, 3, 4, 0.5f, 0.3f, new RandomKey(3, 4))));
    }

    /** Sequences of these lengths, without prefixes. */
    private static Layout plain(int... lengths) {
        var offsets = new int[lengths.length + 1];
        for (int s = 0; s < lengths.length; s++) {
            offsets[s + 1] = offsets[s] + lengths[s];
        }
        return new Layout(offsets, new int[lengths.length], new int[lengths.length], 0);
    }

    static Op row(String name, Layout layout, AttentionShape shape) {
        int tokens = layout.offsets[layout.offsets.length - 1];
        var shapes = new ArrayList<Shape>();
        shapes.add(Shape.of(tokens, (shape.heads() + 2 * shape.kvHeads()) * shape.headSize()));
        if (layout.prefixRows > 0) {
            shapes.add(Shape.of(layout.prefixRows, 2 * shape.kvHeads() * shape.headSize()));
        }
        return new Op(name, List.of(List.copyOf(shapes)), x -> formula(layout, shape, x),
                x -> engine(layout, shape, x));
    }

    private static Tensor engine(Layout layout, AttentionShape shape, Tensor... x) {
        var spans = Spans.on(x[0].device(), layout.offsets, layout.prefixStart, layout.prefixLength);
        return Attention.attention(x[0], x.length > 1 ? x[1] : null, spans, shape);
    }

    private static double[] formula(Layout layout, AttentionShape shape, Numbers... x) {
        int tokens = x[0].dim(0);
        int width = shape.heads() * shape.headSize();
        var out = new double[tokens * width];
        for (int s = 0; s < layout.prefixStart.length; s++) {
            for (int query = layout.offsets[s]; query < layout.offsets[s + 1]; query++) {
                for (int head = 0; head < shape.heads(); head++) {
                    attend(layout, shape, s, query, head, out, x);
                }
            }
        }
        return out;
    }

    private static void attend(Layout layout, AttentionShape shape, int sequence, int query, int head, double[] out,
            Numbers... x) {
        int size = shape.headSize();
        int kvWidth = shape.kvHeads() * size;
        int queryColumn = head * size;
        int keyColumn = head * shape.kvHeads() / shape.heads() * size;
        int first = layout.offsets[sequence];
        int prefix = layout.prefixLength[sequence];
        var scores = new double[prefix + query - first + 1];
        for (int key = 0; key < scores.length; key++) {
            for (int c = 0; c < size; c++) {
                double k = key < prefix
                        ? x[1].at(layout.prefixStart[sequence] + key, keyColumn + c)
                        : x[0].at(first + key - prefix, shape.heads() * size + keyColumn + c);
                scores[key] += shape.scale() * x[0].at(query, queryColumn + c) * k;
            }
        }
        var weights = OpTable.softmax(scores);
        for (int key = 0; key < weights.length; key++) {
            long element = ((long) query * shape.heads() + head) * (layout.longestPrefix() + layout.longest()) + key;
            double weight = weights[key] * kept(shape, element);
            for (int c = 0; c < size; c++) {
                double v = key < prefix
                        ? x[1].at(layout.prefixStart[sequence] + key, kvWidth + keyColumn + c)
                        : x[0].at(first + key - prefix, shape.heads() * size + kvWidth + keyColumn + c);
                out[query * shape.heads() * size + queryColumn + c] += weight * v;
            }
        }
    }

    /** 1 without dropout; with it 0 or what makes up for the zeros. */
    private static double kept(AttentionShape shape, long element) {
        if (shape.dropout() == 0) {
            return 1;
        }
        float uniform = Philox.uniform(Philox.block(shape.key(), element / 4)[(int) (element % 4)]);
        return uniform >= shape.dropout() ? 1 / (1.0 - shape.dropout()) : 0;
    }
}
