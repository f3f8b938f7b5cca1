package lorikeet.kernels.sim;

/** Integer instructions on 64-bit words. */
final class Int64 {
    private Int64() {}

    /**
     * t[d + lane] = op(t[a + lane], …) for all 32 lanes; shift amounts, positions and lengths stand in r, and so do the
     * results of those that count bits.
     */
    static void run(IntegerOp op, boolean signed, long[] t, int[] r, int d, int a, int b, int c, int e) {
        // @formatter:off
        switch (op) {
            case ADD -> { for (int l = 0; l < 32; l++) t[d + l] = t[a + l] + t[b + l]; }
            case SUB -> { for (int l = 0; l < 32; l++) t[d + l] = t[a + l] - t[b + l]; }
            case MUL_LO -> { for (int l = 0; l < 32; l++) t[d + l] = t[a + l] * t[b + l]; }
            case MUL_HI -> { for (int l = 0; l < 32; l++) t[d + l] = high(t[a + l], t[b + l], signed); }
            case MAD_LO -> { for (int l = 0; l < 32; l++) t[d + l] = t[a + l] * t[b + l] + t[c + l]; }
            case MAD_HI -> { for (int l = 0; l < 32; l++) t[d + l] = high(t[a + l], t[b + l], signed) + t[c + l]; }
            case DIV -> { for (int l = 0; l < 32; l++) t[d + l] = divide(t[a + l], t[b + l], signed); }
            case REM -> { for (int l = 0; l < 32; l++) t[d + l] = t[a + l] - divide(t[a + l], t[b + l], signed) * t[b + l]; }
            case MIN -> { for (int l = 0; l < 32; l++) t[d + l] = less(t[b + l], t[a + l], signed) ? t[b + l] : t[a + l]; }
            case MAX -> { for (int l = 0; l < 32; l++) t[d + l] = less(t[a + l], t[b + l], signed) ? t[b + l] : t[a + l]; }
            case ABS -> { for (int l = 0; l < 32; l++) t[d + l] = Math.abs(t[a + l]); }
            case NEG -> { for (int l = 0; l < 32; l++) t[d + l] = -t[a + l]; }
            case SAD -> { for (int l = 0; l < 32; l++) t[d + l] = t[c + l] + distance(t[a + l], t[b + l], signed); }
            case AND -> { for (int l = 0; l < 32; l++) t[d + l] = t[a + l] & t[b + l]; }
            case OR -> { for (int l = 0; l < 32; l++) t[d + l] = t[a + l] | t[b + l]; }
            case XOR -> { for (int l = 0; l < 32; l++) t[d + l] = t[a + l] ^ t[b + l]; }
            case NOT -> { for (int l = 0; l < 32; l++) t[d + l] = ~t[a + l]; }
            case CNOT -> { for (int l = 0; l < 32; l++) t[d + l] = t[a + l] == 0 ? 1 : 0; }
            case SHL -> { for (int l = 0; l < 32; l++) t[d + l] = shiftLeft(t[a + l], r[b + l]); }
            case SHR -> { for (int l = 0; l < 32; l++) t[d + l] = shiftRight(t[a + l], r[b + l], signed); }
            case BFE -> { for (int l = 0; l < 32; l++) t[d + l] = extract(t[a + l], r[b + l], r[c + l], signed, 63); }
            case BFI -> { for (int l = 0; l < 32; l++) t[d + l] = insert(t[a + l], t[b + l], r[c + l], r[e + l]); }
            case POPC -> { for (int l = 0; l < 32; l++) r[d + l] = Long.bitCount(t[a + l]); }
            case CLZ -> { for (int l = 0; l < 32; l++) r[d + l] = Long.numberOfLeadingZeros(t[a + l]); }
            case BREV -> { for (int l = 0; l < 32; l++) t[d + l] = Long.reverse(t[a + l]); }
            case BFIND -> { for (int l = 0; l < 32; l++) r[d + l] = highestBit(t[a + l], signed); }
            case BFIND_SHIFTAMT -> { for (int l = 0; l < 32; l++) r[d + l] = shiftAmount(t[a + l], signed); }
            default -> throw new AssertionError(op);
        }
        // @formatter:on
    }

    static boolean less(long a, long b, boolean signed) {
        return signed ? a < b : a + Long.MIN_VALUE < b + Long.MIN_VALUE;
    }

    private static long high(long a, long b, boolean signed) {
        return signed ? Math.multiplyHigh(a, b) : Math.unsignedMultiplyHigh(a, b);
    }

    /** Division by zero, which PTX leaves open, gives all ones as GPUs do. */
    private static long divide(long a, long b, boolean signed) {
        return b == 0 ? -1 : signed ? a / b : Long.divideUnsigned(a, b);
    }

    private static long distance(long a, long b, boolean signed) {
        return less(a, b, signed) ? b - a : a - b;
    }

    private static long shiftLeft(long a, int shift) {
        return shift < 0 || shift > 63 ? 0 : a << shift;
    }

    private static long shiftRight(long a, int shift, boolean signed) {
        int atMost = shift < 0 || shift > 63 ? 63 : shift;
        return signed ? a >> atMost : atMost == shift ? a >>> shift : 0;
    }

    /**
     * {@code length} bits of a from bit {@code start} on, both taken from their low bytes; a signed field is extended by
     * its top bit, or by a's own, bit {@code last}, where it reaches beyond that.
     */
    static long extract(long a, int start, int length, boolean signed, int last) {
        int from = start & 0xFF;
        int count = length & 0xFF;
        if (count == 0) {
            return 0;
        }
        long field = from > last ? 0 : a >>> from;
        int have = Math.clamp((long) last + 1 - from, 0, count);
        if (have < 64) {
            field &= (1L << have) - 1;
        }
        long sign = signed ? a >>> Math.min(from + count - 1, last) & 1 : 0;
        return sign != 0 && have < 64 ? field | -1L << have : field;
    }

    private static long insert(long a, long b, int start, int length) {
        int from = start & 0xFF;
        int count = length & 0xFF;
        long mask = from > 63 ? 0 : (count > 63 ? -1 : (1L << count) - 1) << from;
        return from > 63 ? b : a << from & mask | b & ~mask;
    }

    private static int highestBit(long a, boolean signed) {
        return 63 - Long.numberOfLeadingZeros(signed && a < 0 ? ~a : a);
    }

    private static int shiftAmount(long a, boolean signed) {
        int bit = highestBit(a, signed);
        return bit < 0 ? -1 : 63 - bit;
    }
}
