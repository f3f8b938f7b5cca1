package lorikeet.kernels.sim;

/** Integer instructions on 32-bit words, and on 16-bit halves extended to words. */
final class Int32 {
    private Int32() {}

    /**
     * r[d + lane] = op(r[a + lane], …) for all 32 lanes.
     *
     * @param signed whether numbers are signed, where that matters
     * @param table  the third operand's truth table, for LOP3
     */
    static void run(IntegerOp op, boolean signed, int[] r, int d, int a, int b, int c, int e, int table) {
        // @formatter:off
        switch (op) {
            case ADD -> { for (int l = 0; l < 32; l++) r[d + l] = r[a + l] + r[b + l]; }
            case SUB -> { for (int l = 0; l < 32; l++) r[d + l] = r[a + l] - r[b + l]; }
            case MUL_LO -> { for (int l = 0; l < 32; l++) r[d + l] = r[a + l] * r[b + l]; }
            case MUL_HI -> { for (int l = 0; l < 32; l++) r[d + l] = high(r[a + l], r[b + l], signed); }
            case MAD_LO -> { for (int l = 0; l < 32; l++) r[d + l] = r[a + l] * r[b + l] + r[c + l]; }
            case MAD_HI -> { for (int l = 0; l < 32; l++) r[d + l] = high(r[a + l], r[b + l], signed) + r[c + l]; }
            case DIV -> { for (int l = 0; l < 32; l++) r[d + l] = divide(r[a + l], r[b + l], signed); }
            case REM -> { for (int l = 0; l < 32; l++) r[d + l] = r[a + l] - divide(r[a + l], r[b + l], signed) * r[b + l]; }
            case MIN -> { for (int l = 0; l < 32; l++) r[d + l] = less(r[b + l], r[a + l], signed) ? r[b + l] : r[a + l]; }
            case MAX -> { for (int l = 0; l < 32; l++) r[d + l] = less(r[a + l], r[b + l], signed) ? r[b + l] : r[a + l]; }
            case ABS -> { for (int l = 0; l < 32; l++) r[d + l] = Math.abs(r[a + l]); }
            case NEG -> { for (int l = 0; l < 32; l++) r[d + l] = -r[a + l]; }
            case SAD -> { for (int l = 0; l < 32; l++) r[d + l] = r[c + l] + distance(r[a + l], r[b + l], signed); }
            case AND -> { for (int l = 0; l < 32; l++) r[d + l] = r[a + l] & r[b + l]; }
            case OR -> { for (int l = 0; l < 32; l++) r[d + l] = r[a + l] | r[b + l]; }
            case XOR -> { for (int l = 0; l < 32; l++) r[d + l] = r[a + l] ^ r[b + l]; }
            case NOT -> { for (int l = 0; l < 32; l++) r[d + l] = ~r[a + l]; }
            case CNOT -> { for (int l = 0; l < 32; l++) r[d + l] = r[a + l] == 0 ? 1 : 0; }
            case LOP3 -> { for (int l = 0; l < 32; l++) r[d + l] = lookUp(r[a + l], r[b + l], r[c + l], table); }
            case SHL -> { for (int l = 0; l < 32; l++) r[d + l] = shiftLeft(r[a + l], r[b + l]); }
            case SHR -> { for (int l = 0; l < 32; l++) r[d + l] = shiftRight(r[a + l], r[b + l], signed); }
            case SHF_L_WRAP -> { for (int l = 0; l < 32; l++) r[d + l] = (int) (pair(r, a, b, l) << (r[c + l] & 31) >>> 32); }
            case SHF_R_WRAP -> { for (int l = 0; l < 32; l++) r[d + l] = (int) (pair(r, a, b, l) >>> (r[c + l] & 31)); }
            case SHF_L_CLAMP -> { for (int l = 0; l < 32; l++) r[d + l] = (int) (pair(r, a, b, l) << clamp(r[c + l]) >>> 32); }
            case SHF_R_CLAMP -> { for (int l = 0; l < 32; l++) r[d + l] = (int) (pair(r, a, b, l) >>> clamp(r[c + l])); }
            case BFE -> { for (int l = 0; l < 32; l++) r[d + l] = extract(r[a + l], r[b + l], r[c + l], signed); }
            case BFI -> { for (int l = 0; l < 32; l++) r[d + l] = insert(r[a + l], r[b + l], r[c + l], r[e + l]); }
            case PRMT -> { for (int l = 0; l < 32; l++) r[d + l] = permute(r[a + l], r[b + l], r[c + l]); }
            case POPC -> { for (int l = 0; l < 32; l++) r[d + l] = Integer.bitCount(r[a + l]); }
            case CLZ -> { for (int l = 0; l < 32; l++) r[d + l] = Integer.numberOfLeadingZeros(r[a + l]); }
            case BREV -> { for (int l = 0; l < 32; l++) r[d + l] = Integer.reverse(r[a + l]); }
            case BFIND -> { for (int l = 0; l < 32; l++) r[d + l] = highestBit(r[a + l], signed); }
            case BFIND_SHIFTAMT -> { for (int l = 0; l < 32; l++) r[d + l] = shiftAmount(r[a + l], signed); }
            case MUL_WIDE, MAD_WIDE -> throw new AssertionError(op);
        }
        // @formatter:on
    }

    /** The two that give 64 bits: t[d + lane] = r[a + lane] · r[b + lane] (+ t[c + lane]). */
    static void runWide(IntegerOp op, boolean signed, int[] r, long[] t, int d, int a, int b, int c) {
        long mask = signed ? -1 : 0xFFFFFFFFL;
        if (op == IntegerOp.MUL_WIDE) {
            for (int l = 0; l < 32; l++) {
                t[d + l] = (r[a + l] & mask) * (r[b + l] & mask);
            }
        } else {
            for (int l = 0; l < 32; l++) {
                t[d + l] = (r[a + l] & mask) * (r[b + l] & mask) + t[c + l];
            }
        }
    }

    static boolean less(int a, int b, boolean signed) {
        return signed ? a < b : a + Integer.MIN_VALUE < b + Integer.MIN_VALUE;
    }

    private static int high(int a, int b, boolean signed) {
        return (int) (signed ? (long) a * b >> 32 : (a & 0xFFFFFFFFL) * (b & 0xFFFFFFFFL) >>> 32);
    }

    /** Division by zero, which PTX leaves open, gives all ones as GPUs do. */
    private static int divide(int a, int b, boolean signed) {
        return b == 0 ? -1 : signed ? a / b : Integer.divideUnsigned(a, b);
    }

    private static int distance(int a, int b, boolean signed) {
        return less(a, b, signed) ? b - a : a - b;
    }

    private static int clamp(int shift) {
        return shift < 0 || shift > 32 ? 32 : shift;
    }

    private static int shiftLeft(int a, int shift) {
        return shift < 0 || shift > 31 ? 0 : a << shift;
    }

    private static int shiftRight(int a, int shift, boolean signed) {
        int atMost = shift < 0 || shift > 31 ? 31 : shift;
        return signed ? a >> atMost : atMost == shift ? a >>> shift : 0;
    }

    /** b above a, as one 64-bit word. */
    private static long pair(int[] r, int a, int b, int l) {
        return (long) r[b + l] << 32 | r[a + l] & 0xFFFFFFFFL;
    }

    /** Bit by bit: the entry of an eight-entry table that the bits of a, b and c number. */
    private static int lookUp(int a, int b, int c, int table) {
        int result = 0;
        for (int entry = 0; entry < 8; entry++) {
            if ((table >>> entry & 1) != 0) {
                result |= ((entry & 4) != 0 ? a : ~a) & ((entry & 2) != 0 ? b : ~b) & ((entry & 1) != 0 ? c : ~c);
            }
        }
        return result;
    }

    /** {@code length} bits from bit {@code start} on; beyond the top of a signed number its sign. */
    private static int extract(int a, int start, int length, boolean signed) {
        return (int) Int64.extract(signed ? a : a & 0xFFFFFFFFL, start, length, signed, 31);
    }

    /** b, with its {@code length} bits from bit {@code start} on replaced by the low bits of a. */
    private static int insert(int a, int b, int start, int length) {
        int from = start & 0xFF;
        int count = length & 0xFF;
        int mask = from > 31 ? 0 : (count > 31 ? -1 : (1 << count) - 1) << from;
        return from > 31 ? b : a << from & mask | b & ~mask;
    }

    /** Picks four of the eight bytes of a and b; the top bit of a selector asks for the byte's sign instead. */
    private static int permute(int a, int b, int selectors) {
        long bytes = (long) b << 32 | a & 0xFFFFFFFFL;
        int result = 0;
        for (int i = 0; i < 4; i++) {
            int selector = selectors >>> 4 * i & 15;
            int picked = (byte) (bytes >>> 8 * (selector & 7));
            result |= ((selector & 8) != 0 ? picked >> 7 : picked) << 8 * i & 0xFF << 8 * i;
        }
        return result;
    }

    /** Number of the highest bit that is set, or that differs from the sign; −1 if there is none. */
    private static int highestBit(int a, boolean signed) {
        return 31 - Integer.numberOfLeadingZeros(signed && a < 0 ? ~a : a);
    }

    private static int shiftAmount(int a, boolean signed) {
        int bit = highestBit(a, signed);
        return bit < 0 ? -1 : 31 - bit;
    }
}
