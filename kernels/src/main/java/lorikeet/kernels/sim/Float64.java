package lorikeet.kernels.sim;

/** Floating-point instructions on 64-bit words. */
final class Float64 {
    private Float64() {}

    /** t[d + lane] = op(t[a + lane], …), rounded to nearest, for all 32 lanes. */
    static void run(FloatOp op, long[] t, int d, int a, int b, int c) {
        // @formatter:off
        switch (op) {
            case ADD -> { for (int l = 0; l < 32; l++) t[d + l] = bits(f(t[a + l]) + f(t[b + l])); }
            case SUB -> { for (int l = 0; l < 32; l++) t[d + l] = bits(f(t[a + l]) - f(t[b + l])); }
            case MUL -> { for (int l = 0; l < 32; l++) t[d + l] = bits(f(t[a + l]) * f(t[b + l])); }
            case FMA -> { for (int l = 0; l < 32; l++) t[d + l] = bits(Math.fma(f(t[a + l]), f(t[b + l]), f(t[c + l]))); }
            case DIV -> { for (int l = 0; l < 32; l++) t[d + l] = bits(f(t[a + l]) / f(t[b + l])); }
            case MIN -> { for (int l = 0; l < 32; l++) t[d + l] = bits(min(f(t[a + l]), f(t[b + l]))); }
            case MAX -> { for (int l = 0; l < 32; l++) t[d + l] = bits(max(f(t[a + l]), f(t[b + l]))); }
            case ABS -> { for (int l = 0; l < 32; l++) t[d + l] = t[a + l] & Long.MAX_VALUE; }
            case NEG -> { for (int l = 0; l < 32; l++) t[d + l] = t[a + l] ^ Long.MIN_VALUE; }
            case COPYSIGN -> { for (int l = 0; l < 32; l++) t[d + l] = t[a + l] & 1L << 63 | t[b + l] & Long.MAX_VALUE; }
            case RCP -> { for (int l = 0; l < 32; l++) t[d + l] = bits(1 / f(t[a + l])); }
            case SQRT -> { for (int l = 0; l < 32; l++) t[d + l] = bits(Math.sqrt(f(t[a + l]))); }
            default -> throw new AssertionError(op);
        }
        // @formatter:on
    }

    static double f(long bits) {
        return Double.longBitsToDouble(bits);
    }

    static long bits(double x) {
        return x != x ? 0xFFF8000000000000L : Double.doubleToRawLongBits(x);
    }

    private static double min(double x, double y) {
        return x != x ? y : y != y ? x : Math.min(x, y);
    }

    private static double max(double x, double y) {
        return x != x ? y : y != y ? x : Math.max(x, y);
    }
}
