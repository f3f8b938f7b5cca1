package lorikeet.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The norm of all gradients, and the optimizers that obey it. */
abstract class LearningVerbs extends VerbFixture {
    private static final int[] SIZES = {1, 3, 7, 0, 16, 17, 31, 64, 100, 257, 1000, 70000};

    private float[][] tensors(float factor) {
        var all = new float[SIZES.length][];
        for (int i = 0; i < all.length; i++) {
            all[i] = normals(SIZES[i]);
            for (int j = 0; j < all[i].length; j++) {
                all[i][j] *= factor;
            }
        }
        return all;
    }

    private List<Buffer> on(float[][] tensors) {
        var buffers = new ArrayList<Buffer>();
        for (var tensor : tensors) {
            buffers.add(on(tensor));
        }
        return buffers;
    }

    @ParameterizedTest
    @ValueSource(floats = {0, 0.5f, 1e6f})
    void gradientNorm(float maxNorm) {
        var gradients = tensors(1);
        double squares = 0;
        for (var tensor : gradients) {
            for (float g : tensor) {
                squares += (double) g * g;
            }
        }
        double norm = Math.sqrt(squares);
        var control = target(Device.CONTROL_SIZE);
        device.gradientNorm(control.buffer, on(gradients), on(1.5f), maxNorm);
        var values = control.values();
        assertThat(values[Device.CONTROL_NORM] / norm).isBetween(1 - 1e-6, 1 + 1e-6);
        double clip = maxNorm == 0 ? 1 : Math.min(1, maxNorm / norm);
        assertThat(values[Device.CONTROL_CLIP] / clip).isBetween(1 - 1e-6, 1 + 1e-6);
        assertThat(values[Device.CONTROL_FINITE]).isEqualTo(1);
    }

    @Test
    void notFinite() {
        for (int which = 0; which < 4; which++) {
            var gradients = tensors(1);
            if (which < 2) {
                gradients[SIZES.length - 1][69999] = which == 0 ? Float.NaN : Float.POSITIVE_INFINITY;
            }
            float loss = which == 2 ? Float.NaN : which == 3 ? Float.NEGATIVE_INFINITY : 1;
            var control = target(Device.CONTROL_SIZE);
            device.gradientNorm(control.buffer, on(gradients), on(loss), 1);
            assertThat(control.values()[Device.CONTROL_FINITE]).isEqualTo(0);
            var values = tensors(1);
            List<Buffer> p = on(values), g = on(gradients), m = on(tensors(1)), v = on(tensors(1));
            var parameters = new ArrayList<AdamW.Parameter>();
            for (int i = 0; i < SIZES.length; i++) {
                parameters.add(new AdamW.Parameter(p.get(i), g.get(i), m.get(i), v.get(i), 0.1f, 1));
            }
            var means = device.downloadFloats(m.get(10));
            device.adamw(new AdamW(0.1f, 0.9f, 0.999f, 1e-8f, 1), parameters, control.buffer);
            device.sgd(0.1f, 0.1f, p, g, control.buffer);
            assertThat(device.downloadFloats(p.get(10))).isEqualTo(values[10]);
            assertThat(device.downloadFloats(m.get(10))).isEqualTo(means);
        }
    }

    @Test
    void adamw() {
        float[][] start = tensors(1);
        int n = SIZES.length;
        List<Buffer> p = on(start), m = on(tensors(0)), v = on(tensors(0));
        double[][] rp = new double[n][], rm = new double[n][], rv = new double[n][];
        for (int i = 0; i < n; i++) {
            rp[i] = doubles(start[i]);
            rm[i] = new double[SIZES[i]];
            rv[i] = new double[SIZES[i]];
        }
        float rate = 0.01f, beta1 = 0.9f, beta2 = 0.95f, epsilon = 1e-6f;
        for (int step = 1; step <= 4; step++) {
            var gradients = tensors(0.1f);
            var g = on(gradients);
            var control = target(Device.CONTROL_SIZE);
            device.gradientNorm(control.buffer, g, on(1f), 5);
            double clip = control.values()[Device.CONTROL_CLIP];
            var parameters = new ArrayList<AdamW.Parameter>();
            for (int i = 0; i < n; i++) {
                float decay = i % 2 == 0 ? 0.1f : 0, factor = i % 3 == 0 ? 16 : 1;
                parameters.add(new AdamW.Parameter(p.get(i), g.get(i), m.get(i), v.get(i), decay, factor));
                double r = (double) rate * factor;
                for (int j = 0; j < SIZES[i]; j++) {
                    double gradient = clip * gradients[i][j];
                    rm[i][j] = beta1 * rm[i][j] + (1 - (double) beta1) * gradient;
                    rv[i][j] = beta2 * rv[i][j] + (1 - (double) beta2) * gradient * gradient;
                    rp[i][j] -= r * decay * rp[i][j];
                    rp[i][j] -= r * rm[i][j] / (1 - Math.pow(beta1, step))
                            / (Math.sqrt(rv[i][j] / (1 - Math.pow(beta2, step))) + epsilon);
                }
            }
            device.adamw(new AdamW(rate, beta1, beta2, epsilon, step), parameters, control.buffer);
        }
        for (int i = 0; i < n; i++) {
            assertClose(device.downloadFloats(p.get(i)), rp[i], TOLERANCE);
            assertClose(device.downloadFloats(m.get(i)), rm[i], TOLERANCE);
            assertClose(device.downloadFloats(v.get(i)), rv[i], TOLERANCE);
        }
    }

    @Test
    void sgd() {
        float[][] start = tensors(1), gradients = tensors(2);
        List<Buffer> p = on(start), g = on(gradients);
        var control = on(3, 0.25f, 1, 0);
        device.sgd(0.5f, 0.1f, p, g, control);
        for (int i = 0; i < SIZES.length; i++) {
            var expected = doubles(start[i]);
            for (int j = 0; j < expected.length; j++) {
                expected[j] -= 0.5 * (0.25 * gradients[i][j] + (double) 0.1f * expected[j]);
            }
            assertClose(device.downloadFloats(p.get(i)), expected, TOLERANCE);
        }
    }

    /** A GPU's block then takes several, one after the other. */
    @Test
    void moreTensorsThanBlocks() {
        var gradients = new float[2100][];
        for (int i = 0; i < gradients.length; i++) {
            gradients[i] = normals(i % 5);
        }
        List<Buffer> g = on(gradients), p = on(gradients);
        var control = target(Device.CONTROL_SIZE);
        device.gradientNorm(control.buffer, g, on(1f), 0);
        double squares = Arrays.stream(gradients).flatMapToDouble(tensor -> Arrays.stream(doubles(tensor)))
                .map(x -> x * x).sum();
        assertThat(control.values()[Device.CONTROL_NORM] / Math.sqrt(squares)).isBetween(1 - 1e-6, 1 + 1e-6);
        device.sgd(0.25f, 0, p, g, control.buffer);
        for (int i = 0; i < gradients.length; i++) {
            assertClose(device.downloadFloats(p.get(i)), Arrays.stream(doubles(gradients[i])).map(x -> 0.75 * x)
                    .toArray(), TOLERANCE);
        }
    }
}
