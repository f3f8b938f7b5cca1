package lorikeet.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Layer norm, softmax and cross-entropy. */
abstract class LayerVerbs extends VerbFixture {

    static Stream<Arguments> tables() {
        return Stream.of(Arguments.of(1, 1), Arguments.of(3, 7), Arguments.of(17, 16), Arguments.of(5, 100),
                Arguments.of(100, 33), Arguments.of(0, 4), Arguments.of(2, 1000), Arguments.of(257, 64),
                Arguments.of(5, 2500), Arguments.of(2, 8300));
    }

    @ParameterizedTest
    @MethodSource("tables")
    void layerNorm(int rows, int columns) {
        int n = rows * columns;
        float epsilon = 1e-5f;
        float[] x = normals(n), gamma = normals(columns), beta = normals(columns), dy = normals(n), b = normals(n);
        var a = new float[n];
        for (int i = 0; i < n; i++) {
            a[i] = 3 * x[i] + 2;
            x[i] = a[i] + b[i];
        }
        double[] y = new double[n], mean = new double[rows], rstd = new double[rows], dx = new double[n];
        double[] dgamma = new double[columns], dbeta = new double[columns];
        for (int r = 0; r < rows; r++) {
            for (int c = 0; c < columns; c++) {
                mean[r] += x[r * columns + c] / (double) columns;
            }
            double variance = 0;
            for (int c = 0; c < columns; c++) {
                variance += Math.pow(x[r * columns + c] - mean[r], 2) / columns;
            }
            rstd[r] = 1 / Math.sqrt(variance + epsilon);
            double meanG = 0, meanGx = 0;
            for (int c = 0; c < columns; c++) {
                int i = r * columns + c;
                double normalised = (x[i] - mean[r]) * rstd[r];
                y[i] = normalised * gamma[c] + beta[c];
                dgamma[c] += dy[i] * normalised;
                dbeta[c] += dy[i];
                meanG += (double) dy[i] * gamma[c] / columns;
                meanGx += dy[i] * gamma[c] * normalised / columns;
            }
            for (int c = 0; c < columns; c++) {
                int i = r * columns + c;
                dx[i] = rstd[r] * ((double) dy[i] * gamma[c] - meanG - (x[i] - mean[r]) * rstd[r] * meanGx);
            }
        }
        Target ty = target(n), tm = target(rows), tr = target(rows);
        device.layerNorm(ty.buffer, tm.buffer, tr.buffer, on(x), on(gamma), on(beta), rows, columns, epsilon);
        // One column only: x − mean is 0 by cancellation, and rstd is large.
        double tolerance = columns == 1 ? 1e-3 : TOLERANCE;
        ty.is(y, false, tolerance);
        tm.is(mean);
        tr.is(rstd);
        Target ts = target(n), tsum = target(n), tsm = target(rows), tsr = target(rows);
        device.addLayerNorm(ts.buffer, tsum.buffer, tsm.buffer, tsr.buffer, on(a), on(b), on(gamma), on(beta), rows,
                columns, epsilon);
        assertThat(tsum.values()).isEqualTo(x);
        assertThat(ts.values()).isEqualTo(ty.values());
        assertThat(tsm.values()).isEqualTo(tm.values());
        assertThat(tsr.values()).isEqualTo(tr.values());
        for (boolean add : new boolean[] {false, true}) {
            var tdx = target(n, add);
            device.layerNormBackward(tdx.buffer, on(dy), on(x), tm.buffer, tr.buffer, on(gamma), rows, columns, add);
            if (columns > 1) {
                tdx.is(dx, add);
            }
            Target tg = target(columns, add), tb = target(columns, !add);
            device.layerNormParameterGradient(tg.buffer, tb.buffer, on(dy), on(x), tm.buffer, tr.buffer, rows, columns,
                    add, !add);
            tg.is(dgamma, add, 10 * tolerance);
            tb.is(dbeta, !add);
        }
        var only = target(columns);
        device.layerNormParameterGradient(null, only.buffer, on(dy), on(x), tm.buffer, tr.buffer, rows, columns, false,
                false);
        only.is(dbeta);
        only = target(columns);
        device.layerNormParameterGradient(only.buffer, null, on(dy), on(x), tm.buffer, tr.buffer, rows, columns, false,
                false);
        only.is(dgamma, false, 10 * tolerance);
    }

    private static double[] softmaxRow(float[] x, int row, int columns) {
        double max = Double.NEGATIVE_INFINITY, sum = 0;
        for (int c = 0; c < columns; c++) {
            max = Math.max(max, x[row * columns + c]);
        }
        var y = new double[columns];
        for (int c = 0; c < columns; c++) {
            y[c] = Math.exp(x[row * columns + c] - max);
            sum += y[c];
        }
        for (int c = 0; c < columns; c++) {
            y[c] /= sum;
        }
        return y;
    }

    @ParameterizedTest
    @MethodSource("tables")
    void softmax(int rows, int columns) {
        int n = rows * columns;
        float[] x = normals(n), dy = normals(n);
        if (n > 20) {
            x[0] = 90;
            x[columns + 1] = -200;
        }
        double[] y = new double[n], dx = new double[n];
        for (int r = 0; r < rows; r++) {
            var p = softmaxRow(x, r, columns);
            double dot = 0;
            for (int c = 0; c < columns; c++) {
                y[r * columns + c] = p[c];
                dot += p[c] * dy[r * columns + c];
            }
            for (int c = 0; c < columns; c++) {
                dx[r * columns + c] = p[c] * (dy[r * columns + c] - dot);
            }
        }
        var ty = target(n);
        device.softmax(ty.buffer, on(x), rows, columns);
        ty.is(y);
        for (boolean add : new boolean[] {false, true}) {
            var tdx = target(n, add);
            device.softmaxBackward(tdx.buffer, on(dy), ty.buffer, rows, columns, add);
            if (columns > 1) {
                tdx.is(dx, add);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("tables")
    void crossEntropy(int rows, int columns) {
        int n = rows * columns;
        float scale = 0.125f;
        var logits = normals(n);
        for (int i = 0; i < n; i++) {
            logits[i] *= 4;
        }
        var labels = random.ints(rows, 0, columns).toArray();
        double[] losses = new double[rows], gradient = new double[n];
        for (int r = 0; r < rows; r++) {
            if (r % 5 == 2) {
                labels[r] = Device.IGNORED_LABEL;
                continue;
            }
            var p = softmaxRow(logits, r, columns);
            losses[r] = -Math.log(p[labels[r]]);
            for (int c = 0; c < columns; c++) {
                gradient[r * columns + c] = scale * (p[c] - (c == labels[r] ? 1 : 0));
            }
        }
        Target tl = target(rows), tg = target(n);
        device.crossEntropy(tl.buffer, tg.buffer, on(logits), on(labels), rows, columns, scale);
        tl.is(losses);
        tg.is(gradient);
        var lossesOnly = target(rows);
        device.crossEntropy(lossesOnly.buffer, null, on(logits), on(labels), rows, columns, scale);
        lossesOnly.is(losses);
        Target again = target(rows), inPlace = target(n);
        device.copy(inPlace.buffer, on(logits));
        device.crossEntropy(again.buffer, inPlace.buffer, inPlace.buffer, on(labels), rows, columns, scale);
        again.is(losses);
        inPlace.is(gradient);
    }

    @Test
    void crossEntropyOfExtremeLogits() {
        var logits = new float[2 * 40];
        Arrays.fill(logits, 0, 40, -1e4f);
        logits[7] = 1e4f;
        Arrays.fill(logits, 40, 80, Float.NEGATIVE_INFINITY);
        logits[79] = 5;
        var losses = target(2);
        device.crossEntropy(losses.buffer, null, on(logits), on(3, 39), 2, 40, 1);
        losses.is(new double[] {2e4, 0});
    }
}
