package lorikeet.kernels.sim;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Random programs of arithmetic instructions, some of them guarded, on five registers of each kind, against a reference
 * that computes with big integers, with doubles that are rounded once, and lane after lane.
 */
class RandomProgramTest {
    private static final int REGISTERS = 5, STEPS = 60, THREADS = 48;
    private static final BigInteger TWO = BigInteger.TWO;
    private static final String[] INTEGER_OPS =
            {"add", "sub", "mul.lo", "mul.hi", "div", "rem", "min", "max", "and", "or", "xor", "shl", "shr", "mad.lo",
                "neg"};
    private static final String[] FLOAT_OPS =
            {"add", "sub", "mul", "fma.rn", "div.rn", "sqrt.rn", "min", "max", "neg", "abs"};
    private static final String[] TESTS = {"eq", "ne", "lt", "le", "gt", "ge"};

    private final StringBuilder text = new StringBuilder();
    private Random random;
    /** Registers of the reference: 32-bit and 64-bit integers as numbers without sign, floats, predicates. */
    private final BigInteger[][] words = new BigInteger[THREADS][REGISTERS];
    private final BigInteger[][] longs = new BigInteger[THREADS][REGISTERS];
    private final float[][] floats = new float[THREADS][REGISTERS];
    private final boolean[][] predicates = new boolean[THREADS][REGISTERS];

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20})
    void interpreterAgreesWithTheReference(long seed) {
        random = new Random(seed);
        var inputs = new long[THREADS * REGISTERS * 3];
        for (int t = 0; t < THREADS; t++) {
            for (int i = 0; i < REGISTERS; i++) {
                int at = (t * REGISTERS + i) * 3;
                inputs[at] = interestingWord();
                inputs[at + 1] = random.nextInt(3) == 0 ? interestingWord() : random.nextLong();
                inputs[at + 2] = Integer.toUnsignedLong(interestingFloat());
                words[t][i] = unsigned(inputs[at], 32);
                longs[t][i] = unsigned(inputs[at + 1], 64);
                floats[t][i] = Float.intBitsToFloat((int) inputs[at + 2]);
            }
        }
        for (int step = 0; step < STEPS; step++) {
            instruction();
        }
        try (var sim = new Simulation(Simulation.EXACT)) {
            long data = sim.upload(inputs);
            sim.run(kernel(), Simulation.grid(1, THREADS), data);
            check(sim.longs(data, inputs.length));
        }
    }

    private long interestingWord() {
        return switch (random.nextInt(5)) {
            case 0 -> random.nextInt(70);
            case 1 -> Integer.MIN_VALUE;
            case 2 -> -1 - random.nextInt(5);
            default -> random.nextInt();
        };
    }

    private int interestingFloat() {
        return switch (random.nextInt(6)) {
            case 0 -> Float.floatToRawIntBits((float) random.nextInt(9) - 4);
            case 1 -> new int[] {0, 0x80000000, 0x7F800000, 0xFF800000, 0x7FFFFFFF, 1, 0x00400000}[random.nextInt(7)];
            case 2 -> random.nextInt();
            default -> Float.floatToRawIntBits((float) (random.nextGaussian() * Math.pow(10, random.nextInt(9) - 4)));
        };
    }

    // ---- the program, in PTX and at once in the reference --------------------------------------------------------------

    private void instruction() {
        int guard = random.nextInt(3) == 0 ? random.nextInt(REGISTERS) : -1;
        boolean negate = random.nextBoolean();
        int d = random.nextInt(REGISTERS), a = random.nextInt(REGISTERS), b = random.nextInt(REGISTERS),
                c = random.nextInt(REGISTERS);
        if (guard >= 0) {
            text.append(negate ? "@!%p" : "@%p").append(guard).append(' ');
        }
        int kind = random.nextInt(8);
        boolean signed = random.nextBoolean();
        var op = kind < 4
                ? INTEGER_OPS[random.nextInt(INTEGER_OPS.length)]
                : FLOAT_OPS[random.nextInt(FLOAT_OPS.length)];
        var test = TESTS[random.nextInt(TESTS.length)];
        signed |= op.equals("neg");
        switch (kind) {
            case 0, 1 -> integerText(op, signed ? "s32" : "u32", "%r", "%r", d, a, b, c);
            case 2, 3 -> integerText(op, signed ? "s64" : "u64", "%d", op.startsWith("sh") ? "%r" : "%d", d, a, b, c);
            case 4, 5 -> floatText(op, d, a, b, c);
            case 6 -> text.append("setp.%s.%s %%p%d, %%r%d, %%r%d;%n".formatted(test, signed ? "s32" : "u32", d, a, b));
            default -> text.append("setp.%s.f32 %%p%d, %%f%d, %%f%d;%n".formatted(test, d, a, b));
        }
        for (int t = 0; t < THREADS; t++) {
            if (guard >= 0 && predicates[t][guard] == negate) {
                continue;
            }
            switch (kind) {
                case 0, 1 -> words[t][d] = integer(op, signed, 32, words[t][a], words[t][b], words[t][b], words[t][c]);
                case 2, 3 -> longs[t][d] = integer(op, signed, 64, longs[t][a], longs[t][b], words[t][b], longs[t][c]);
                case 4, 5 -> floats[t][d] = real(op, floats[t][a], floats[t][b], floats[t][c]);
                case 6 -> predicates[t][d] =
                        holds(test, value(words[t][a], signed, 32).compareTo(value(words[t][b], signed, 32)));
                default -> predicates[t][d] = !Float.isNaN(floats[t][a]) && !Float.isNaN(floats[t][b])
                        && holds(test, floats[t][a] < floats[t][b] ? -1 : floats[t][a] > floats[t][b] ? 1 : 0);
            }
        }
    }

    private void integerText(String op, String type, String register, String second, int d, int a, int b, int c) {
        boolean bits = op.equals("and") || op.equals("or") || op.equals("xor") || op.equals("shl");
        text.append(op).append('.').append(bits ? "b" + type.substring(1) : type).append(' ').append(register).append(d)
                .append(", ").append(register).append(a);
        if (!op.equals("neg")) {
            text.append(", ").append(second).append(b);
        }
        text.append(op.equals("mad.lo") ? ", " + register + c : "").append(";\n");
    }

    private void floatText(String op, int d, int a, int b, int c) {
        boolean one = op.equals("sqrt.rn") || op.equals("neg") || op.equals("abs");
        text.append(op).append(".f32 %f").append(d).append(", %f").append(a).append(one ? "" : ", %f" + b)
                .append(op.equals("fma.rn") ? ", %f" + c : "").append(";\n");
    }

    private static BigInteger integer(String op, boolean signed, int bits, BigInteger a, BigInteger b, BigInteger shift,
            BigInteger c) {
        var x = value(a, signed, bits);
        var y = value(b, signed, bits);
        int distance = shift.min(BigInteger.valueOf(bits)).intValue();
        // What PTX leaves open, GPUs fill with ones.
        var quotient = y.signum() == 0 ? BigInteger.ONE.negate() : x.divide(y);
        var result = switch (op) {
            case "add" -> x.add(y);
            case "sub" -> x.subtract(y);
            case "mul.lo" -> x.multiply(y);
            case "mul.hi" -> x.multiply(y).shiftRight(bits);
            case "mad.lo" -> x.multiply(y).add(c);
            case "div" -> quotient;
            case "rem" -> x.subtract(quotient.multiply(y));
            case "min" -> x.min(y);
            case "max" -> x.max(y);
            case "and" -> x.and(y);
            case "or" -> x.or(y);
            case "xor" -> x.xor(y);
            case "shl" -> x.shiftLeft(distance);
            case "shr" -> x.shiftRight(distance);
            default -> x.negate();
        };
        return result.mod(TWO.pow(bits));
    }

    private static float real(String op, float a, float b, float c) {
        return switch (op) {
            case "add" -> (float) ((double) a + b);
            case "sub" -> (float) ((double) a - b);
            case "mul" -> (float) ((double) a * b);
            case "fma.rn" -> fused(a, b, c);
            case "div.rn" -> (float) ((double) a / b);
            case "sqrt.rn" -> (float) Math.sqrt(a);
            case "min" -> Float.isNaN(a) ? b : Float.isNaN(b) ? a : Math.min(a, b);
            case "max" -> Float.isNaN(a) ? b : Float.isNaN(b) ? a : Math.max(a, b);
            case "neg" -> Float.intBitsToFloat(Float.floatToRawIntBits(a) + 0x80000000);
            default -> Float.intBitsToFloat(Float.floatToRawIntBits(a) << 1 >>> 1);
        };
    }

    private static float fused(float a, float b, float c) {
        double product = (double) a * b;
        if (!Double.isFinite(product) || !Float.isFinite(c)) {
            return (float) (product + c);
        }
        var exact = new BigDecimal(a).multiply(new BigDecimal(b)).add(new BigDecimal(c));
        return exact.signum() == 0 ? (float) (product + c) : exact.floatValue();
    }

    private static boolean holds(String test, int order) {
        return switch (test) {
            case "eq" -> order == 0;
            case "ne" -> order != 0;
            case "lt" -> order < 0;
            case "le" -> order <= 0;
            case "gt" -> order > 0;
            default -> order >= 0;
        };
    }

    private static BigInteger unsigned(long x, int bits) {
        return BigInteger.valueOf(x).mod(TWO.pow(bits));
    }

    private static BigInteger value(BigInteger unsigned, boolean signed, int bits) {
        return signed && unsigned.testBit(bits - 1) ? unsigned.subtract(TWO.pow(bits)) : unsigned;
    }

    // ---- running it ----------------------------------------------------------------------------------------------------

    private String kernel() {
        var body = new StringBuilder("""
                ld.param.u64 %d10, [data]; mov.u32 %r10, %tid.x; mov.u32 %r11, 0;
                mad.wide.u32 %d10, %r10, SIZE, %d10;
                """.replace("SIZE", String.valueOf(24 * REGISTERS)));
        for (int i = 0; i < REGISTERS; i++) {
            body.append(
                    "ld.global.u32 %%r%d, [%%d10+%d]; ld.global.u64 %%d%d, [%%d10+%d]; ld.global.f32 %%f%d, [%%d10+%d];%n"
                            .formatted(i, 24 * i, i, 24 * i + 8, i, 24 * i + 16));
            body.append("setp.ne.u32 %p").append(i).append(", %r11, 0;\n");
        }
        body.append(text);
        for (int i = 0; i < REGISTERS; i++) {
            body.append("cvt.u64.u32 %%d11, %%r%d; st.global.u64 [%%d10+%d], %%d11; st.global.u64 [%%d10+%d], %%d%d;%n"
                    .formatted(i, 24 * i, 24 * i + 8, i));
            body.append(
                    "st.global.f32 [%%d10+%d], %%f%d; selp.u32 %%r12, 1, 0, %%p%d; st.global.u32 [%%d10+%d], %%r12;%n"
                            .formatted(24 * i + 16, i, i, 24 * i + 20));
        }
        return Simulation.kernel(".param .u64 data", body + "ret;");
    }

    private void check(long[] results) {
        for (int t = 0; t < THREADS; t++) {
            for (int i = 0; i < REGISTERS; i++) {
                int at = (t * REGISTERS + i) * 3;
                var place = "thread " + t + ", register " + i + " after\n" + text;
                assertThat(results[at]).as(place).isEqualTo(words[t][i].longValue());
                assertThat(results[at + 1]).as(place).isEqualTo(longs[t][i].longValue());
                // Float.compare takes all NaN for equal, but not the two zeros.
                assertThat(Float.compare(Float.intBitsToFloat((int) results[at + 2]), floats[t][i])).as(place).isZero();
                assertThat(results[at + 2] >>> 32).as(place).isEqualTo(predicates[t][i] ? 1 : 0);
            }
        }
    }
}
