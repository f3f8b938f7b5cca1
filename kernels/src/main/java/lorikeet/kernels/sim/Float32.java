package lorikeet.kernels.sim;

/** Floating-point instructions on 32-bit words. What an instruction computes that is not a number, is {@link #NAN}. */
final class Float32 {
    /** The one NaN that a GPU's arithmetic gives. */
    static final int NAN = 0x7FFFFFFF;

    private Float32() {}

    /** r[d + lane] = op(r[a + lane], …), rounded to nearest, for all 32 lanes. */
    static void run(FloatOp op, int[] r, int d, int a, int b, int c) {
        // @formatter:off
        switch (op) {
            case ADD -> { for (int l = 0; l < 32; l++) r[d + l] = bits(f(r[a + l]) + f(r[b + l])); }
            case SUB -> { for (int l = 0; l < 32; l++) r[d + l] = bits(f(r[a + l]) - f(r[b + l])); }
            case MUL -> { for (int l = 0; l < 32; l++) r[d + l] = bits(f(r[a + l]) * f(r[b + l])); }
            case FMA -> { for (int l = 0; l < 32; l++) r[d + l] = bits(Math.fma(f(r[a + l]), f(r[b + l]), f(r[c + l]))); }
            case DIV -> { for (int l = 0; l < 32; l++) r[d + l] = bits(f(r[a + l]) / f(r[b + l])); }
            case MIN -> { for (int l = 0; l < 32; l++) r[d + l] = bits(min(f(r[a + l]), f(r[b + l]))); }
            case MAX -> { for (int l = 0; l < 32; l++) r[d + l] = bits(max(f(r[a + l]), f(r[b + l]))); }
            case ABS -> { for (int l = 0; l < 32; l++) r[d + l] = r[a + l] & Integer.MAX_VALUE; }
            case NEG -> { for (int l = 0; l < 32; l++) r[d + l] = r[a + l] ^ Integer.MIN_VALUE; }
            case COPYSIGN -> { for (int l = 0; l < 32; l++) r[d + l] = r[a + l] & 1 << 31 | r[b + l] & Integer.MAX_VALUE; }
            case RCP -> { for (int l = 0; l < 32; l++) r[d + l] = bits(1 / f(r[a + l])); }
            case SQRT -> { for (int l = 0; l < 32; l++) r[d + l] = bits((float) Math.sqrt(f(r[a + l]))); }
            default -> throw new AssertionError(op);
        }
        // @formatter:on
    }

    /** The variants of MIN and MAX whose result is not a number where an operand is none. */
    static void runKeepingNan(FloatOp op, int[] r, int d, int a, int b) {
        for (int l = 0; l < 32; l++) {
            float x = f(r[a + l]);
            float y = f(r[b + l]);
            r[d + l] = bits(op == FloatOp.MIN ? Math.min(x, y) : Math.max(x, y));
        }
    }

    /** Copies a register to {@code to}, subnormal numbers becoming zeros of their sign. */
    static int flush(int[] r, int from, int to) {
        for (int l = 0; l < 32; l++) {
            r[to + l] = flush(r[from + l]);
        }
        return to;
    }

    static int flush(int bits) {
        return (bits & 0x7F800000) == 0 ? bits & Integer.MIN_VALUE : bits;
    }

    /** Clamps a register's numbers to [0, 1], NaN becoming 0. */
    static void saturate(int[] r, int d) {
        for (int l = 0; l < 32; l++) {
            r[d + l] = saturate(r[d + l]);
        }
    }

    static int saturate(int bits) {
        float x = f(bits);
        return x > 0 ? Float.floatToRawIntBits(Math.min(x, 1)) : 0;
    }

    static float f(int bits) {
        return Float.intBitsToFloat(bits);
    }

    static int bits(float x) {
        return x != x ? NAN : Float.floatToRawIntBits(x);
    }

    private static float min(float x, float y) {
        return x != x ? y : y != y ? x : Math.min(x, y);
    }

    private static float max(float x, float y) {
        return x != x ? y : y != y ? x : Math.max(x, y);
    }
}
