package lorikeet.kernels.sim;

import java.util.List;

/** {@code setp}: compares and sets a predicate or two, perhaps combined with a third. */
final class Comparison extends Instruction {
    /** {@code LO} and the like are the unsigned names of {@code LT} and the like. */
    private enum Test {
        EQ, NE, LT, LE, GT, GE, EQU, NEU, LTU, LEU, GTU, GEU, NUM, NAN, LO, LS, HI, HS
    }
    private enum Combine { NONE, AND, OR, XOR }

    private static final List<String> TESTS = List.of(Test.values()).stream().map(t -> t.name().toLowerCase()).toList();

    private final Test test;
    private final Combine combine;
    private final Type type;
    private final boolean flush;
    private final int target;
    /** Gets the outcome of the opposite comparison; −1 if there is none. */
    private final int opposite;
    private final int a;
    private final int b;
    private final Decoder.Predicate other;

    private Comparison(Decoder in) {
        var name = in.takeOneOf(TESTS);
        if (name == null) {
            throw in.error("expected a comparison");
        }
        test = Test.valueOf(name.toUpperCase());
        var combination = in.takeOneOf(List.of("and", "or", "xor"));
        combine = combination == null ? Combine.NONE : Combine.valueOf(combination.toUpperCase());
        flush = in.take("ftz");
        type = in.takeType();
        boolean onlyFloat = test.compareTo(Test.EQU) >= 0 && test.compareTo(Test.NAN) <= 0;
        boolean onlyUnsigned = test.compareTo(Test.LO) >= 0;
        if (onlyFloat && !type.isFloat() || onlyUnsigned && type.kind != Type.Kind.UNSIGNED || type.bytes < 2
                || type.isFloat() && type.bytes < 4) {
            throw in.error("there is no comparison " + name + " for " + type);
        }
        in.expectOperands(combine == Combine.NONE ? 3 : 4);
        if (in.operand(0) instanceof Ptx.Pair pair) {
            target = in.target(pair.first(), Type.PRED, false);
            opposite = in.target(pair.second(), Type.PRED, false);
        } else {
            target = in.target(0, Type.PRED);
            opposite = -1;
        }
        a = in.source(1, type);
        b = in.source(2, type);
        other = combine == Combine.NONE ? null : in.predicate(3);
    }

    static Instruction decode(Decoder in) {
        return new Comparison(in);
    }

    @Override
    void execute(Warp warp, int lanes) {
        int outcome = switch (type) {
            case F32 -> floats(warp.words);
            case F64 -> doubles(warp.longs);
            default ->
                type.bytes == 8 ? longs(warp.longs) : type.bytes == 4 ? words(warp.words, a, b) : halves(warp.words);
        };
        warp.setPredicate(target, combined(outcome, warp), lanes);
        if (opposite >= 0) {
            warp.setPredicate(opposite, combined(~outcome, warp), lanes);
        }
    }

    private int combined(int outcome, Warp warp) {
        int second = other == null ? 0 : warp.predicates[other.register()] ^ other.flip();
        return switch (combine) {
            case NONE -> outcome;
            case AND -> outcome & second;
            case OR -> outcome | second;
            case XOR -> outcome ^ second;
        };
    }

    // @formatter:off
    private int words(int[] r, int a, int b) {
        int m = 0;
        int flip = type.signed() ? 0 : Integer.MIN_VALUE;
        switch (test) {
            case EQ -> { for (int l = 0; l < 32; l++) m |= r[a + l] == r[b + l] ? 1 << l : 0; }
            case NE -> { for (int l = 0; l < 32; l++) m |= r[a + l] != r[b + l] ? 1 << l : 0; }
            case LT, LO -> { for (int l = 0; l < 32; l++) m |= (r[a + l] ^ flip) < (r[b + l] ^ flip) ? 1 << l : 0; }
            case LE, LS -> { for (int l = 0; l < 32; l++) m |= (r[a + l] ^ flip) <= (r[b + l] ^ flip) ? 1 << l : 0; }
            case GT, HI -> { for (int l = 0; l < 32; l++) m |= (r[a + l] ^ flip) > (r[b + l] ^ flip) ? 1 << l : 0; }
            case GE, HS -> { for (int l = 0; l < 32; l++) m |= (r[a + l] ^ flip) >= (r[b + l] ^ flip) ? 1 << l : 0; }
            default -> throw new AssertionError(test);
        }
        return m;
    }

    private int longs(long[] t) {
        int m = 0;
        long flip = type.signed() ? 0 : Long.MIN_VALUE;
        switch (test) {
            case EQ -> { for (int l = 0; l < 32; l++) m |= t[a + l] == t[b + l] ? 1 << l : 0; }
            case NE -> { for (int l = 0; l < 32; l++) m |= t[a + l] != t[b + l] ? 1 << l : 0; }
            case LT, LO -> { for (int l = 0; l < 32; l++) m |= (t[a + l] ^ flip) < (t[b + l] ^ flip) ? 1 << l : 0; }
            case LE, LS -> { for (int l = 0; l < 32; l++) m |= (t[a + l] ^ flip) <= (t[b + l] ^ flip) ? 1 << l : 0; }
            case GT, HI -> { for (int l = 0; l < 32; l++) m |= (t[a + l] ^ flip) > (t[b + l] ^ flip) ? 1 << l : 0; }
            case GE, HS -> { for (int l = 0; l < 32; l++) m |= (t[a + l] ^ flip) >= (t[b + l] ^ flip) ? 1 << l : 0; }
            default -> throw new AssertionError(test);
        }
        return m;
    }

    private int floats(int[] words) {
        int m = 0;
        int[] r = words;
        int a = flush ? Float32.flush(r, this.a, ProgramBuilder.TEMPORARY) : this.a;
        int b = flush ? Float32.flush(r, this.b, ProgramBuilder.TEMPORARY + 32) : this.b;
        switch (test) {
            case EQ -> { for (int l = 0; l < 32; l++) m |= f(r[a + l]) == f(r[b + l]) ? 1 << l : 0; }
            case NE -> { for (int l = 0; l < 32; l++) m |= f(r[a + l]) < f(r[b + l]) || f(r[a + l]) > f(r[b + l]) ? 1 << l : 0; }
            case LT -> { for (int l = 0; l < 32; l++) m |= f(r[a + l]) < f(r[b + l]) ? 1 << l : 0; }
            case LE -> { for (int l = 0; l < 32; l++) m |= f(r[a + l]) <= f(r[b + l]) ? 1 << l : 0; }
            case GT -> { for (int l = 0; l < 32; l++) m |= f(r[a + l]) > f(r[b + l]) ? 1 << l : 0; }
            case GE -> { for (int l = 0; l < 32; l++) m |= f(r[a + l]) >= f(r[b + l]) ? 1 << l : 0; }
            case EQU -> { for (int l = 0; l < 32; l++) m |= f(r[a + l]) < f(r[b + l]) || f(r[a + l]) > f(r[b + l]) ? 0 : 1 << l; }
            case NEU -> { for (int l = 0; l < 32; l++) m |= f(r[a + l]) == f(r[b + l]) ? 0 : 1 << l; }
            case LTU -> { for (int l = 0; l < 32; l++) m |= f(r[a + l]) >= f(r[b + l]) ? 0 : 1 << l; }
            case LEU -> { for (int l = 0; l < 32; l++) m |= f(r[a + l]) > f(r[b + l]) ? 0 : 1 << l; }
            case GTU -> { for (int l = 0; l < 32; l++) m |= f(r[a + l]) <= f(r[b + l]) ? 0 : 1 << l; }
            case GEU -> { for (int l = 0; l < 32; l++) m |= f(r[a + l]) < f(r[b + l]) ? 0 : 1 << l; }
            case NUM -> { for (int l = 0; l < 32; l++) m |= Float.isNaN(f(r[a + l])) || Float.isNaN(f(r[b + l])) ? 0 : 1 << l; }
            case NAN -> { for (int l = 0; l < 32; l++) m |= Float.isNaN(f(r[a + l])) || Float.isNaN(f(r[b + l])) ? 1 << l : 0; }
            default -> throw new AssertionError(test);
        }
        return m;
    }
    // @formatter:on

    private static float f(int bits) {
        return Float.intBitsToFloat(bits);
    }

    /** Doubles are too rare for a loop of their own per comparison. */
    private int doubles(long[] t) {
        int m = 0;
        for (int l = 0; l < 32; l++) {
            double x = Double.longBitsToDouble(t[a + l]);
            double y = Double.longBitsToDouble(t[b + l]);
            boolean unordered = Double.isNaN(x) || Double.isNaN(y);
            boolean holds = switch (test) {
                case EQ -> x == y;
                case NE -> !unordered && x != y;
                case LT -> x < y;
                case LE -> x <= y;
                case GT -> x > y;
                case GE -> x >= y;
                case EQU -> unordered || x == y;
                case NEU -> unordered || x != y;
                case LTU -> unordered || x < y;
                case LEU -> unordered || x <= y;
                case GTU -> unordered || x > y;
                case GEU -> unordered || x >= y;
                case NUM -> !unordered;
                case NAN -> unordered;
                case LO, LS, HI, HS -> throw new AssertionError(test);
            };
            m |= holds ? 1 << l : 0;
        }
        return m;
    }

    private int halves(int[] r) {
        int x = ProgramBuilder.TEMPORARY;
        int y = x + 32;
        for (int l = 0; l < 32; l++) {
            r[x + l] = type.signed() ? (short) r[a + l] : r[a + l];
            r[y + l] = type.signed() ? (short) r[b + l] : r[b + l];
        }
        return words(r, x, y);
    }
}
