package lorikeet.kernels.sim;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import java.util.function.DoubleUnaryOperator;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Results of {@code .approx} instructions are wrong, but by no more than NVIDIA's manual of PTX allows. */
class ApproximationTest {
    private enum Case {
        RCP(x -> 1 / x, -1e10f, 1e10f, 0x1p-23, 0),
        SQRT(Math::sqrt, 0, 1e10f, 0x1p-23, 0),
        RSQRT(x -> 1 / Math.sqrt(x), 1e-10f, 1e10f, Math.pow(2, -22.9), 0),
        EX2(x -> Math.pow(2, x), -120, 120, 0x1p-22, 0),
        LG2(x -> Math.log(x) / Math.log(2), 0, 1000, 0x1p-22, 0x1p-22),
        SIN(Math::sin, -6.28f, 6.28f, 0, Math.pow(2, -20.5)),
        COS(Math::cos, -6.28f, 6.28f, 0, Math.pow(2, -20.5)),
        TANH(Math::tanh, -5, 5, 0x1p-11, 0);

        final DoubleUnaryOperator exact;
        final float low;
        final float high;
        final double relative;
        final double absolute;

        Case(DoubleUnaryOperator exact, float low, float high, double relative, double absolute) {
            this.exact = exact;
            this.low = low;
            this.high = high;
            this.relative = relative;
            this.absolute = absolute;
        }
    }

    @ParameterizedTest
    @EnumSource
    void errsWithinTheBoundAndUsesIt(Case tested) {
        var op = FloatOp.valueOf(tested.name());
        var random = new Random(3);
        double most = 0;
        for (int round = 0; round < 300; round++) {
            int[] r = new int[128];
            for (int l = 0; l < 32; l++) {
                r[32 + l] = Float.floatToRawIntBits(tested.low + (tested.high - tested.low) * random.nextFloat());
            }
            new Approximation(true, 5).run(op, r, 64, 32, 0);
            new Approximation(true, 5).run(op, r, 96, 32, 0);
            for (int l = 0; l < 32; l++) {
                float x = Float.intBitsToFloat(r[32 + l]);
                double exact = tested.exact.applyAsDouble(x);
                double bound = tested.relative * Math.abs(exact)
                        + (tested == Case.LG2 && (x <= 0.5 || x >= 2) ? 0 : tested.absolute);
                double share = Math.abs(Float.intBitsToFloat(r[64 + l]) - exact) / bound;
                assertThat(share).as("%s(%s)", tested, x).isLessThanOrEqualTo(1);
                assertThat(r[96 + l]).as("same operand, same result").isEqualTo(r[64 + l]);
                most = Math.max(most, share);
            }
        }
        assertThat(most).as("largest part of the bound").isGreaterThan(0.9);
    }

    @ParameterizedTest
    @EnumSource
    void seedsDiffer(Case tested) {
        var op = FloatOp.valueOf(tested.name());
        int[] r = new int[128];
        for (int l = 0; l < 32; l++) {
            r[32 + l] = Float.floatToRawIntBits(1.5f + 0.01f * l);
        }
        new Approximation(true, 1).run(op, r, 64, 32, 0);
        new Approximation(true, 2).run(op, r, 96, 32, 0);
        int differing = 0;
        for (int l = 0; l < 32; l++) {
            differing += r[64 + l] != r[96 + l] ? 1 : 0;
        }
        assertThat(differing).isPositive();
    }
}
