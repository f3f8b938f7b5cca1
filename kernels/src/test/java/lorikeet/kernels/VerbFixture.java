package lorikeet.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.TestInstance;

/**
 * What the suites of verbs share: a device, operands with random content, and targets between guards. A suite compares
 * each verb with a plain loop in double; a class per device runs it. Nothing may be left on the device after a test.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class VerbFixture {
    /** Largest error allowed in STRICT, as a share of the expected number or of the root mean square of them all. */
    static final double TOLERANCE = 1e-5;
    /** The same where operands of products are rounded to TF32, 11 bits; gradients are differences of such products. */
    static final double TF32_TOLERANCE = 5e-3;
    /** Numbers on each side of a target that no verb may touch; odd, so that targets are not aligned. */
    private static final int GUARD = 19;
    private static final float GUARD_VALUE = -12345.5f;

    Device device;
    private Memory.Scope scope;
    private long bytesBefore;
    Random random;
    private final List<Target> targets = new ArrayList<>();

    /** Opens the device under test. */
    protected abstract Device open(Precision precision);

    /** Lengths that leave every kind of remainder after vectors, warps and blocks. */
    protected Stream<Integer> sizes() {
        return IntStream.of(0, 1, 3, 7, 13, 16, 17, 31, 64, 100, 257, 1000).boxed();
    }

    @BeforeAll
    void openDevice() {
        device = open(Precision.STRICT);
    }

    @AfterAll
    void closeDevice() {
        device.close();
    }

    @BeforeEach
    void openScope() {
        targets.clear(); // of a test that failed in between
        random = new Random(42);
        bytesBefore = device.memory().ledger().current();
        scope = device.memory().scope();
    }

    @AfterEach
    void closeScope() {
        checkGuards();
        scope.close();
        assertThat(device.memory().ledger().current()).as("bytes left on the device").isEqualTo(bytesBefore);
    }

    private void checkGuards() {
        targets.forEach(Target::checkGuards);
        targets.clear();
    }

    /** Runs a test on a second device of another precision. */
    void inPrecision(Precision precision, Runnable test) {
        var strict = device;
        try (var other = open(precision); var _ = other.memory().scope()) {
            device = other;
            test.run();
            checkGuards();
        } finally {
            device = strict;
        }
    }

    // ---- operands ----------------------------------------------------------------------------------------------------

    float[] normals(int n) {
        var values = new float[n];
        for (int i = 0; i < n; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    /** Positive numbers away from zero. */
    float[] positives(int n) {
        var values = new float[n];
        for (int i = 0; i < n; i++) {
            values[i] = 0.1f + 3 * random.nextFloat();
        }
        return values;
    }

    Buffer on(float... values) {
        var buffer = device.memory().allocate(DType.F32, values.length, Purpose.ACTIVATIONS);
        device.upload(buffer, values);
        return buffer;
    }

    Buffer on(int... values) {
        var buffer = device.memory().allocate(DType.I32, values.length, Purpose.ACTIVATIONS);
        device.upload(buffer, values);
        return buffer;
    }

    /** The numbers as bf16, and what became of them by rounding put back into {@code values}. */
    Buffer onBf16(float[] values) {
        var buffer = device.memory().allocate(DType.BF16, values.length, Purpose.ACTIVATIONS);
        device.copy(buffer, on(values));
        System.arraycopy(device.downloadFloats(buffer), 0, values, 0, values.length);
        return buffer;
    }

    static double[] doubles(float[] values) {
        var wide = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            wide[i] = values[i];
        }
        return wide;
    }

    // ---- targets -----------------------------------------------------------------------------------------------------

    /** A place for {@code n} numbers in the middle of a larger buffer. */
    final class Target {
        final Buffer buffer;
        private final Buffer whole;
        private final float[] initial;

        private Target(float[] initial) {
            this.initial = initial;
            var all = new float[initial.length + 2 * GUARD];
            Arrays.fill(all, GUARD_VALUE);
            System.arraycopy(initial, 0, all, GUARD, initial.length);
            whole = on(all);
            buffer = whole.slice(GUARD, initial.length);
            targets.add(this);
        }

        float[] values() {
            return device.downloadFloats(buffer);
        }

        private void checkGuards() {
            var all = device.downloadFloats(whole);
            for (int i = 0; i < GUARD; i++) {
                assertThat(all[i]).as("the number %d in front of a target", GUARD - i).isEqualTo(GUARD_VALUE);
                assertThat(all[all.length - 1 - i]).as("the number %d behind a target", GUARD - i)
                        .isEqualTo(GUARD_VALUE);
            }
        }

        /** Compares with {@code expected}, to which the initial content is added if the verb was to add. */
        void is(double[] expected, boolean added) {
            is(expected, added, TOLERANCE);
        }

        void is(double[] expected, boolean added, double tolerance) {
            var wanted = expected.clone();
            for (int i = 0; i < wanted.length && added; i++) {
                wanted[i] += initial[i];
            }
            assertClose(values(), wanted, tolerance);
        }

        void is(double[] expected) {
            is(expected, false);
        }
    }

    /** A target that holds NaN, or random numbers if the verb is to add to them. */
    Target target(int n, boolean added) {
        var initial = added ? normals(n) : new float[n];
        if (!added) {
            Arrays.fill(initial, Float.NaN);
        }
        return new Target(initial);
    }

    Target target(int n) {
        return target(n, false);
    }

    static void assertClose(float[] actual, double[] expected, double tolerance) {
        assertThat(actual).hasSameSizeAs(expected);
        double squares = 0;
        for (double e : expected) {
            squares += e * e;
        }
        double scale = Math.sqrt(squares / Math.max(1, expected.length));
        for (int i = 0; i < actual.length; i++) {
            double allowed = tolerance * Math.max(Math.abs(expected[i]), scale);
            if (!(Math.abs(actual[i] - expected[i]) <= allowed)) {
                throw new AssertionError("element " + i + " of " + actual.length + " is " + actual[i] + ", expected "
                        + expected[i] + " ± " + allowed);
            }
        }
    }
}
