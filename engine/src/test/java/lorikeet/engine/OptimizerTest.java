package lorikeet.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Random;
import lorikeet.engine.AdamWOptimizer.Group;
import lorikeet.engine.AdamWOptimizer.Settings;
import lorikeet.kernels.Device;
import lorikeet.kernels.Devices;
import lorikeet.kernels.Precision;
import lorikeet.kernels.Purpose;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OptimizerTest {
    private static final int STEPS = 25;
    private static final float RATE = 0.05f;

    private final Random random = new Random(5);
    private Device device;
    private Tensor matrix;
    private Tensor vector;

    @BeforeEach
    void open() {
        device = Devices.open("cpu", Precision.STRICT, 2);
        matrix = Tensor.parameter(device, Shape.of(7, 9), normals(63));
        vector = Tensor.parameter(device, Shape.of(5), normals(5));
    }

    @AfterEach
    void close() {
        matrix.free();
        vector.free();
        assertThat(device.memory().ledger().current()).isZero();
        device.close();
    }

    private float[] normals(int count) {
        var values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    /** Gives {@code parameter} this gradient: that of Σ gradient · parameter. */
    private void setGradient(Tensor parameter, float[] gradient) {
        parameter.times(Tensor.of(device, parameter.shape(), gradient)).sum().backward();
    }

    private Optimizer.Outcome step(Optimizer optimizer, float loss, float rate, float maxNorm, float[] ofMatrix,
            float[] ofVector) {
        try (var _ = device.memory().scope()) {
            setGradient(matrix, ofMatrix);
            setGradient(vector, ofVector);
            return optimizer.step(Tensor.of(device, Shape.scalar(), loss), rate, maxNorm);
        }
    }

    /** One parameter after the other as Loshchilov and Hutter (2019) write it, in double. */
    private static final class Reference {
        final double[] p;
        final double[] m;
        final double[] v;

        Reference(float[] start) {
            p = new double[start.length];
            m = new double[start.length];
            v = new double[start.length];
            for (int i = 0; i < start.length; i++) {
                p[i] = start[i];
            }
        }

        void adamW(float[] g, double clip, int t, double rate, double decay) {
            for (int i = 0; i < p.length; i++) {
                m[i] = 0.9 * m[i] + 0.1 * clip * g[i];
                v[i] = 0.999 * v[i] + 0.001 * clip * g[i] * clip * g[i];
                double update = m[i] / (1 - Math.pow(0.9, t)) / (Math.sqrt(v[i] / (1 - Math.pow(0.999, t))) + 1e-8);
                p[i] -= rate * decay * p[i] + rate * update;
            }
        }

        void sgd(float[] g, double clip, double rate, double decay) {
            for (int i = 0; i < p.length; i++) {
                p[i] -= rate * (clip * g[i] + decay * p[i]);
            }
        }

        void require(Tensor actual) {
            var values = actual.toArray();
            for (int i = 0; i < p.length; i++) {
                assertThat(values[i]).isCloseTo((float) p[i], within(1e-5f));
            }
        }
    }

    private static double norm(float[]... gradients) {
        double sum = 0;
        for (var gradient : gradients) {
            for (float value : gradient) {
                sum += (double) value * value;
            }
        }
        return Math.sqrt(sum);
    }

    @ParameterizedTest
    @ValueSource(floats = {0, 1, 1000})
    void adamWWithGroupsAndClipping(float maxNorm) {
        var expectedMatrix = new Reference(matrix.toArray());
        var expectedVector = new Reference(vector.toArray());
        try (var adamW = new AdamWOptimizer(List.of(new Group(List.of(matrix), 0.1f, 1),
                new Group(List.of(vector), 0, 16)), Settings.DEFAULT)) {
            for (int t = 1; t <= STEPS; t++) {
                var ofMatrix = normals(63);
                var ofVector = normals(5);
                float rate = RATE / t;
                var outcome = step(adamW, 3, rate, maxNorm, ofMatrix, ofVector);
                double norm = norm(ofMatrix, ofVector);
                assertThat(outcome.norm()).isCloseTo((float) norm, within(1e-4f));
                assertThat(outcome.loss()).isEqualTo(3);
                assertThat(outcome.finite()).isTrue();
                assertThat(adamW.steps()).isEqualTo(t);
                double clip = maxNorm == 0 ? 1 : Math.min(1, maxNorm / norm);
                expectedMatrix.adamW(ofMatrix, clip, t, rate, 0.1);
                expectedVector.adamW(ofVector, clip, t, 16 * rate, 0);
            }
            expectedMatrix.require(matrix);
            expectedVector.require(vector);
        }
    }

    @ParameterizedTest
    @ValueSource(floats = {0, 1})
    void sgdWithDecayAndClipping(float maxNorm) {
        var expectedMatrix = new Reference(matrix.toArray());
        var expectedVector = new Reference(vector.toArray());
        try (var sgd = new SgdOptimizer(List.of(matrix, vector), 0.2f)) {
            for (int t = 1; t <= STEPS; t++) {
                var ofMatrix = normals(63);
                var ofVector = normals(5);
                step(sgd, 3, RATE, maxNorm, ofMatrix, ofVector);
                double clip = maxNorm == 0 ? 1 : Math.min(1, maxNorm / norm(ofMatrix, ofVector));
                expectedMatrix.sgd(ofMatrix, clip, RATE, 0.2);
                expectedVector.sgd(ofVector, clip, RATE, 0.2);
            }
            assertThat(sgd.steps()).isEqualTo(STEPS);
            expectedMatrix.require(matrix);
            expectedVector.require(vector);
        }
    }

    /** A step that is not finite is as if it had never been: neither values nor averages nor the count of steps change. */
    @ParameterizedTest
    @ValueSource(strings = {"NaN gradient", "infinite gradient", "NaN loss"})
    void aStepThatIsNotFiniteChangesNothingAndSaysSo(String kind) {
        var ofMatrix = normals(63);
        var ofVector = normals(5);
        var poisoned = ofMatrix.clone();
        poisoned[60] = kind.startsWith("NaN g") ? Float.NaN : kind.startsWith("inf") ? Float.NEGATIVE_INFINITY : 1;
        try (var adamW = new AdamWOptimizer(List.of(new Group(List.of(matrix, vector), 0.1f, 1)), Settings.DEFAULT);
                var sgd = new SgdOptimizer(List.of(matrix, vector), 0.1f)) {
            step(adamW, 3, RATE, 1, ofMatrix, ofVector);
            var before = List.of(matrix.toArray(), vector.toArray());
            for (var optimizer : List.of(adamW, sgd)) {
                int steps = optimizer.steps();
                var outcome = step(optimizer, kind.equals("NaN loss") ? Float.NaN : 3, RATE, 1, poisoned, ofVector);
                assertThat(outcome.finite()).isFalse();
                assertThat(optimizer.steps()).isEqualTo(steps);
                assertThat(matrix.gradient()).isNull();
                assertThat(List.of(matrix.toArray(), vector.toArray())).usingRecursiveComparison().isEqualTo(before);
            }
            step(adamW, 3, RATE, 1, ofMatrix, ofVector);
            var after = matrix.toArray();

            device.upload(matrix.data(), before.get(0));
            device.upload(vector.data(), before.get(1));
            try (var undisturbed =
                    new AdamWOptimizer(List.of(new Group(List.of(matrix, vector), 0.1f, 1)), Settings.DEFAULT)) {
                step(undisturbed, 3, 0, 1, ofMatrix, ofVector);
                step(undisturbed, 3, RATE, 1, ofMatrix, ofVector);
                assertThat(matrix.toArray()).isEqualTo(after);
            }
        }
    }

    /** A parameter that no loss depends on keeps its value, weight decay or not. */
    @Test
    void whatBackwardHasNotReachedStaysAsItIs() {
        var before = vector.toArray();
        try (var adamW = new AdamWOptimizer(List.of(new Group(List.of(matrix, vector), 0.5f, 1)), Settings.DEFAULT);
                var sgd = new SgdOptimizer(List.of(matrix, vector), 0.5f)) {
            for (var optimizer : List.of(adamW, sgd)) {
                try (var _ = device.memory().scope()) {
                    setGradient(matrix, normals(63));
                    optimizer.step(Tensor.of(device, Shape.scalar(), 1), RATE, 0);
                }
            }
            assertThat(vector.toArray()).isEqualTo(before);
            assertThat(vector.gradient()).isNull();
        }
    }

    @Test
    void gradientsAddUpUntilTheStepAndAreForgottenAfterIt() {
        try (var sgd = new SgdOptimizer(List.of(matrix, vector), 0); var _ = device.memory().scope()) {
            var before = vector.toArray();
            setGradient(vector, new float[] {1, 2, 3, 4, 5});
            setGradient(vector, new float[] {10, 10, 10, 10, 10});
            assertThat(device.downloadFloats(vector.gradient())).containsExactly(11, 12, 13, 14, 15);
            sgd.step(Tensor.of(device, Shape.scalar(), 1), 1, 0);
            assertThat(vector.gradient()).isNull();
            for (int i = 0; i < 5; i++) {
                assertThat(vector.toArray()[i]).isCloseTo(before[i] - 11 - i, within(1e-5f));
            }
            setGradient(vector, new float[5]);
            assertThat(device.downloadFloats(vector.gradient())).containsOnly(0);
        }
    }

    @Test
    void anOptimizersMemoryIsForItsParametersAlone() {
        var ledger = device.memory().ledger();
        try (var _ = new AdamWOptimizer(List.of(new Group(List.of(vector), 0, 1)), Settings.DEFAULT)) {
            assertThat(ledger.current(Purpose.OPTIMIZER)).isEqualTo(2 * 4 * 5);
        }
        try (var _ = new SgdOptimizer(List.of(vector), 0)) {
            assertThat(ledger.current(Purpose.OPTIMIZER)).isZero();
        }
        assertThat(ledger.current(Purpose.OPTIMIZER)).isZero();
    }
}
