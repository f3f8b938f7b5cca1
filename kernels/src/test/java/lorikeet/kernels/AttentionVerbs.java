package lorikeet.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Attention and its backward, against the definition, key by key in double. */
abstract class AttentionVerbs extends VerbFixture {

    double tolerance() {
        return 2 * TOLERANCE;
    }

    /** The content of a matrix between {@code before} and {@code after} columns of something else. */
    private final class Block {
        final int rows, columns, stride, from;
        final Target target;
        final float[] values;

        Block(int rows, int columns, int before, int after, boolean random) {
            this.rows = rows;
            this.columns = columns;
            from = before;
            stride = before + columns + after;
            target = target(rows * stride, random);
            values = target.values();
        }

        Matrix matrix() {
            return Matrix.of(target.buffer, rows, stride).columns(from, columns);
        }

        double at(int row, int column) {
            return values[row * stride + from + column];
        }

        /** The numbers beside the matrix must be what they were. */
        void is(double[] expected, boolean added) {
            var now = target.values();
            var mine = new float[rows * columns];
            var wanted = expected.clone();
            for (int i = 0; i < rows * stride; i++) {
                int c = i % stride - from;
                if (c >= 0 && c < columns) {
                    mine[i / stride * columns + c] = now[i];
                    wanted[i / stride * columns + c] += added ? values[i] : 0;
                } else {
                    assertThat(Float.floatToIntBits(now[i])).isEqualTo(Float.floatToIntBits(values[i]));
                }
            }
            assertClose(mine, wanted, tolerance());
        }
    }

    private record Case(String name, int[] lengths, int[] prefixStart, int[] prefixLength, int heads, int kvHeads,
            int headSize, float dropout) {
        @Override
        public String toString() {
            return name;
        }
    }

    private static Case plain(String name, int heads, int kvHeads, int headSize, int... lengths) {
        return new Case(name, lengths, new int[lengths.length], new int[lengths.length], heads, kvHeads, headSize, 0);
    }

    static Stream<Arguments> cases() {
        return Stream.of(plain("one token", 1, 1, 1, 1), plain("one head", 1, 1, 16, 7),
                plain("odd sizes", 3, 3, 5, 13), plain("ragged", 2, 2, 16, 1, 17, 3, 0, 31, 64),
                plain("grouped heads", 6, 2, 8, 9, 33), plain("longer than a tile", 2, 1, 64, 257),
                plain("many short ones", 2, 2, 13, IntStream.range(0, 40).map(i -> i % 9).toArray()),
                plain("wide heads", 2, 2, 100, 40), plain("no tokens", 2, 2, 4),
                new Case("shared prefix", new int[] {17, 5, 1, 40}, new int[] {0, 0, 0, 0}, new int[] {10, 10, 10, 10},
                        4, 2, 16, 0),
                new Case("prefix before nothing", new int[] {0, 3, 0}, new int[] {1, 0, 0}, new int[] {4, 2, 40}, 2, 2,
                        8,
                        0),
                new Case("overlapping prefixes", new int[] {3, 20, 9, 34}, new int[] {2, 0, 5, 1},
                        new int[] {70, 13, 0, 100}, 2, 2, 32, 0),
                new Case("generation", new int[] {1, 1, 1, 2}, new int[] {0, 100, 257, 300},
                        new int[] {100, 157, 3, 64}, 4, 2, 64, 0),
                new Case("dropout", new int[] {33, 1, 12}, new int[3], new int[3], 2, 2, 16, 0.25f),
                new Case("dropout and prefix", new int[] {5, 66, 1}, new int[] {3, 0, 8}, new int[] {20, 0, 9}, 4, 2, 8,
                        0.5f))
                .map(Arguments::of);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void attention(Object which) {
        var c = (Case) which;
        int sequences = c.lengths.length, heads = c.heads, size = c.headSize, group = heads / c.kvHeads;
        var offsets = new int[sequences + 1];
        for (int s = 0; s < sequences; s++) {
            offsets[s + 1] = offsets[s] + c.lengths[s];
        }
        int tokens = offsets[sequences], width = heads * size, kvWidth = c.kvHeads * size;
        int prefixRows = IntStream.range(0, sequences).map(s -> c.prefixStart[s] + c.prefixLength[s]).max().orElse(0);
        boolean prefix = prefixRows > 0;
        var key = new RandomKey(7, 99);
        float scale = (float) (1 / Math.sqrt(size));
        var shape = new AttentionShape(heads, c.kvHeads, size, scale, c.dropout, key);
        var spans = Spans.on(device, offsets, c.prefixStart, c.prefixLength);
        // q, k and v as a fused projection leaves them: side by side.
        Block q = new Block(tokens, width, 0, 2 * kvWidth, true), k = new Block(tokens, kvWidth, width, kvWidth, true);
        Block v = new Block(tokens, kvWidth, width + kvWidth, 0, true);
        Block pk = new Block(prefixRows, kvWidth, 0, 3, true), pv = new Block(prefixRows, kvWidth, 1, 0, true);
        Block dout = new Block(tokens, width, 0, 5, true);

        double[] out = new double[tokens * width], lse = new double[tokens * heads];
        double[] dq = new double[tokens * width], dk = new double[tokens * kvWidth], dv = dk.clone();
        double[] dpk = new double[prefixRows * kvWidth], dpv = dpk.clone();
        int longest = Arrays.stream(c.lengths).max().orElse(0) + Arrays.stream(c.prefixLength).max().orElse(0);
        for (int s = 0; s < sequences; s++) {
            for (int i = 0; i < c.lengths[s]; i++) {
                for (int h = 0; h < heads; h++) {
                    int row = offsets[s] + i, kv = h / group, keys = c.prefixLength[s] + i + 1;
                    double[] p = new double[keys], d = new double[keys], dp = new double[keys];
                    double sum = 0, delta = 0;
                    for (int j = 0; j < keys; j++) {
                        boolean own = j >= c.prefixLength[s];
                        int keyRow = own ? offsets[s] + j - c.prefixLength[s] : c.prefixStart[s] + j;
                        for (int e = 0; e < size; e++) {
                            p[j] += q.at(row, h * size + e) * (own ? k : pk).at(keyRow, kv * size + e) * scale;
                        }
                        sum += Math.exp(p[j]);
                        long element = ((long) row * heads + h) * longest + j;
                        float uniform = Philox.uniform(Philox.block(key, element / 4)[(int) (element % 4)]);
                        d[j] = uniform >= c.dropout ? 1 / (1 - (double) c.dropout) : 0;
                    }
                    lse[row * heads + h] = Math.log(sum);
                    for (int j = 0; j < keys; j++) {
                        boolean own = j >= c.prefixLength[s];
                        int keyRow = own ? offsets[s] + j - c.prefixLength[s] : c.prefixStart[s] + j;
                        p[j] = Math.exp(p[j]) / sum;
                        for (int e = 0; e < size; e++) {
                            double value = (own ? v : pv).at(keyRow, kv * size + e);
                            out[row * width + h * size + e] += p[j] * d[j] * value;
                            dp[j] += d[j] * dout.at(row, h * size + e) * value;
                            (own ? dv : dpv)[keyRow * kvWidth + kv * size + e] +=
                                    p[j] * d[j] * dout.at(row, h * size + e);
                        }
                        delta += p[j] * dp[j];
                    }
                    for (int j = 0; j < keys; j++) {
                        boolean own = j >= c.prefixLength[s];
                        int keyRow = own ? offsets[s] + j - c.prefixLength[s] : c.prefixStart[s] + j;
                        double ds = p[j] * (dp[j] - delta) * scale;
                        for (int e = 0; e < size; e++) {
                            dq[row * width + h * size + e] += ds * (own ? k : pk).at(keyRow, kv * size + e);
                            (own ? dk : dpk)[keyRow * kvWidth + kv * size + e] += ds * q.at(row, h * size + e);
                        }
                    }
                }
            }
        }

        Block tout = new Block(tokens, width, 2, 0, false);
        var tlse = target(tokens * heads);
        Matrix prefixK = prefix ? pk.matrix() : null, prefixV = prefix ? pv.matrix() : null;
        device.attention(tout.matrix(), tlse.buffer, q.matrix(), k.matrix(), v.matrix(), prefixK, prefixV, spans,
                shape);
        tout.is(out, false);
        assertClose(tlse.values(), lse, tolerance());

        for (boolean prefixGradient : new boolean[] {true, false}) {
            Block tdq = new Block(tokens, width, 0, 2 * kvWidth, true);
            Block tdk = new Block(tokens, kvWidth, 1, 2, false), tdv = new Block(tokens, kvWidth, 0, 0, false);
            Block tdpk = new Block(prefixRows, kvWidth, 0, 2, true), tdpv = new Block(prefixRows, kvWidth, 0, 0, true);
            boolean wanted = prefix && prefixGradient;
            device.attentionBackward(tdq.matrix(), tdk.matrix(), tdv.matrix(), wanted ? tdpk.matrix() : null,
                    wanted ? tdpv.matrix() : null, dout.matrix(), tout.matrix(), tlse.buffer, q.matrix(), k.matrix(),
                    v.matrix(), prefixK, prefixV, spans, shape);
            tdq.is(dq, false);
            tdk.is(dk, false);
            tdv.is(dv, false);
            if (wanted) {
                tdpk.is(dpk, true);
                tdpv.is(dpv, true);
            }
        }
    }
}
