package lorikeet.kernels.sim;

/**
 * The {@code .approx} instructions. A GPU's results differ from the exact ones by up to a bound that NVIDIA's manual of
 * PTX states. Here they differ by a pseudo-random part of that bound, always the same one for the same operand, so that a
 * program which relies on exactness fails.
 */
final class Approximation {
    private static final double LN_2 = 0.6931471805599453;
    /** What rounding to a float may add to an error, relative to the result. */
    private static final double ROUNDING = 0x1p-24;

    /** 1 to stay within the bound, 0 to be as exact as floats allow. */
    private final double strength;
    private final int seed;

    Approximation(boolean perturb, long seed) {
        strength = perturb ? 1 : 0;
        this.seed = Long.hashCode(seed * 0x9E3779B97F4A7C15L);
    }

    /** r[d + lane] = op(r[a + lane]) or, for DIV, r[a + lane] / r[b + lane]. */
    void run(FloatOp op, int[] r, int d, int a, int b) {
        for (int l = 0; l < 32; l++) {
            float x = Float.intBitsToFloat(r[a + l]);
            r[d + l] = Float32.bits(op == FloatOp.DIV ? divide(x, Float.intBitsToFloat(r[b + l])) : apply(op, x));
        }
    }

    private float apply(FloatOp op, float x) {
        return switch (op) {
            case RCP -> relative(1 / (double) x, 0x1p-23, x);
            case SQRT -> relative(Math.sqrt(x), 0x1p-23, x);
            case RSQRT -> relative(1 / Math.sqrt(x), 0x1p-22 * 0.535, x);
            case EX2 -> relative(Math.exp(x * LN_2), 0x1p-22, x);
            case LG2 ->
                x > 0.5f && x < 2 ? absolute(Math.log(x) / LN_2, 0x1p-22, x) : relative(Math.log(x) / LN_2, 0x1p-22, x);
            case SIN -> absolute(Math.sin(x), circular(x), x);
            case COS -> absolute(Math.cos(x), circular(x), x);
            case TANH -> Math.clamp(relative(Math.tanh(x), 0x1p-11, x), -1, 1);
            default -> throw new AssertionError(op);
        };
    }

    /** Divisors above 2¹²⁶ have a reciprocal that is flushed to zero. */
    private float divide(float x, float y) {
        if (Math.abs(y) > 0x1p126f && !Float.isInfinite(y)) {
            return Float.isInfinite(x) ? Float.NaN : Math.copySign(0f, x) * Math.signum(y);
        }
        return relative((double) x / y, 0x1p-22, x * 31 + y);
    }

    private static double circular(float x) {
        return Math.abs(x) <= 2 * (float) Math.PI
                ? 0x1p-20 * 0.707
                : Math.abs(x) <= 100 * (float) Math.PI ? 0x1p-14 * 0.615 : 0;
    }

    /** {@code exact} with a relative error below {@code bound}; zeros, infinities and ones stay. */
    private float relative(double exact, double bound, float operand) {
        return exact == 1 || exact == 0 || Double.isInfinite(exact)
                ? (float) exact
                : (float) (exact + exact * (bound - ROUNDING) * noise(operand));
    }

    /** {@code exact} with an absolute error below {@code bound}; zeros stay. */
    private float absolute(double exact, double bound, float operand) {
        double room = Math.max(0, bound - Math.abs(exact) * ROUNDING);
        return (float) (exact == 0 ? exact : exact + room * noise(operand));
    }

    /** A number in [−1, 1) that depends on the operand and the seed alone. */
    private double noise(float operand) {
        int hash = (Float.floatToRawIntBits(operand) ^ seed) * 0x9E3779B1;
        hash = (hash ^ hash >>> 15) * 0x85EBCA6B;
        return strength * (hash ^ hash >>> 13) * 0x1p-31;
    }
}
