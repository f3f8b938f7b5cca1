package lorikeet.kernels.sim;

import java.util.List;

/** {@code cvt}: between integers of all sizes, floats and 16-bit floats. Registers may be wider than the types. */
final class Conversion extends Instruction {
    private static final List<String> TO_INTEGER = List.of("rni", "rzi", "rmi", "rpi");

    private final Type to;
    private final Type from;
    /** Rounding to a whole number: one of {@link #TO_INTEGER}, or null. */
    private final String whole;
    private final Rounding rounding;
    private final boolean flush;
    private final boolean saturate;
    /** Whether the target has 16 bits. */
    private final boolean half;
    private final RegisterFile targetFile;
    private final RegisterFile sourceFile;
    private final int target;
    private final int source;
    /** The other source of a conversion to two 16-bit floats, which becomes the upper one is {@link #source}. */
    private final int second;

    private Conversion(Decoder in) {
        whole = in.takeOneOf(TO_INTEGER);
        var direction = whole == null ? in.takeRounding() : null;
        rounding = direction == null ? Rounding.RN : direction;
        flush = in.take("ftz");
        saturate = in.take("sat");
        to = in.takeType();
        from = in.takeType();
        boolean pair = to == Type.BF16X2;
        in.expectOperands(pair ? 3 : 2);
        check(in, direction);
        target = in.target(in.operand(0), to, true);
        source = in.source(in.operand(1), from, true);
        second = pair ? in.source(in.operand(2), from, true) : source;
        half = in.registerType(in.operand(0)).bytes == 2;
        targetFile = fileOf(in, 0, to);
        sourceFile = fileOf(in, 1, from);
    }

    /** Of conversions to TF32 too, which is no type of registers. */
    static Instruction decode(Decoder in) {
        return in.has("tf32") ? new Tf32Rounding(in) : new Conversion(in);
    }

    /** What a wider register than needed is, or else what the type asks for. */
    private static RegisterFile fileOf(Decoder in, int operand, Type type) {
        return in.isRegister(in.operand(operand)) ? in.registerType(in.operand(operand)).file() : type.file();
    }

    private void check(Decoder in, Rounding direction) {
        boolean narrowing = from.isFloat() && to.isFloat() && (to.bytes < from.bytes || to == Type.BF16X2);
        boolean needsDirection = to.isFloat() && (!from.isFloat() || narrowing);
        boolean needsWhole = from.isFloat() && !to.isFloat();
        boolean halves = to == Type.F16 || to == Type.BF16 || to == Type.BF16X2;
        boolean known = to.bytes > 0 && from.bytes > 0 && from != Type.BF16X2 && to.kind != Type.Kind.BITS
                && from.kind != Type.Kind.BITS && (to != Type.BF16X2 || from == Type.F32)
                && !(halves && from != Type.F32 && from != to) && !(halves && rounding != Rounding.RN);
        if (!known || needsDirection && direction == null || needsWhole && whole == null
                || !from.isFloat() && whole != null || direction != null && !needsDirection
                || rounding != Rounding.RN && from == Type.U64) {
            throw in.error("there is no such conversion from " + from + " to " + to);
        }
    }

    @Override
    void execute(Warp warp, int lanes) {
        if (!from.isFloat() && !to.isFloat() && !saturate) {
            resize(warp, lanes);
            return;
        }
        for (int l = 0; l < 32; l++) {
            if ((lanes >>> l & 1) != 0) {
                long bits = sourceFile == RegisterFile.LONGS ? warp.longs[source + l] : warp.words[source + l];
                long result =
                        to == Type.BF16X2 ? bfloat((int) bits) << 16 | bfloat(warp.words[second + l]) : convert(bits);
                if (targetFile == RegisterFile.LONGS) {
                    warp.longs[target + l] = result;
                } else {
                    warp.words[target + l] = (int) result;
                }
            }
        }
    }

    /** Between integers: takes the low bits, extends by the source's sign, and by the target's if its register is wider. */
    private void resize(Warp warp, int lanes) {
        int out = 64 - from.bits();
        int keep = 64 - to.bits();
        for (int l = 0; l < 32; l++) {
            long bits = (sourceFile == RegisterFile.LONGS ? warp.longs[source + l] : warp.words[source + l]) << out;
            long value = (from.signed() ? bits >> out : bits >>> out) << keep;
            value = to.signed() ? value >> keep : value >>> keep;
            if (targetFile == RegisterFile.LONGS) {
                warp.longs[ProgramBuilder.SCRATCH + l] = value;
            } else {
                warp.words[ProgramBuilder.SCRATCH + l] = half ? (int) value & 0xFFFF : (int) value;
            }
        }
        warp.merge(targetFile, target, lanes);
    }

    private long convert(long bits) {
        if (!from.isFloat()) {
            int drop = 64 - from.bits();
            long integer = from.signed() ? bits << drop >> drop : bits << drop >>> drop;
            return to.isFloat() ? fromInteger(integer) : narrow(saturated(integer));
        }
        double x = switch (from) {
            case F64 -> Double.longBitsToDouble(bits);
            case F32 -> Float.intBitsToFloat(flush ? Float32.flush((int) bits) : (int) bits);
            case F16 -> Float.float16ToFloat((short) bits);
            default -> Float.intBitsToFloat((int) bits << 16);
        };
        if (whole != null) {
            x = wholeNumber(x);
        }
        return to.isFloat() ? toFloat(x) : toInteger(x);
    }

    private long fromInteger(long integer) {
        if (to == Type.F64) {
            boolean large = from == Type.U64 && integer < 0;
            return Float64.bits(large ? (double) (integer >>> 1 | integer & 1) * 2 : (double) integer);
        }
        boolean large = from == Type.U64 && integer < 0;
        float nearest = large ? (float) (integer >>> 1 | integer & 1) * 2 : (float) integer;
        float rounded = rounding == Rounding.RN
                ? nearest
                : rounding.towards(nearest, Math.signum((double) integer),
                        Long.compare((long) nearest, integer));
        return clampedBits(rounded);
    }

    private double wholeNumber(double x) {
        return switch (whole) {
            case "rni" -> Math.rint(x);
            case "rzi" -> x < 0 ? Math.ceil(x) : Math.floor(x);
            case "rmi" -> Math.floor(x);
            default -> Math.ceil(x);
        };
    }

    private long toFloat(double x) {
        return switch (to) {
            case F64 -> Float64.bits(saturate ? (x > 0 ? Math.min(x, 1) : 0) : x);
            case F32 -> {
                float nearest = (float) x;
                yield clampedBits(rounding == Rounding.RN || from != Type.F64
                        ? nearest
                        : rounding.towards(nearest, x, Double.compare(nearest, x)));
            }
            case F16 -> Double.isNaN(x) ? 0x7FFF : Float.floatToFloat16((float) x) & 0xFFFF;
            default -> bfloat(Float.floatToRawIntBits((float) x));
        };
    }

    private int clampedBits(float x) {
        int bits = Float32.bits(x);
        bits = flush ? Float32.flush(bits) : bits;
        return saturate ? Float32.saturate(bits) : bits;
    }

    /** The nearest number of the target type; NaN becomes 0. */
    private long toInteger(double x) {
        if (to == Type.U64) {
            return !(x > 0) ? 0 : x >= 0x1p64 ? -1 : x >= 0x1p63 ? (long) (x - 0x1p63) ^ Long.MIN_VALUE : (long) x;
        }
        long low = to.signed() ? Long.MIN_VALUE >> 64 - to.bits() : 0;
        long high = to.signed() ? Long.MAX_VALUE >> 64 - to.bits() : -1L >>> 64 - to.bits();
        return narrow(Math.clamp((long) x, low, high));
    }

    private long saturated(long integer) {
        boolean huge = from == Type.U64 && integer < 0;
        long low = to.signed() ? Long.MIN_VALUE >> 64 - to.bits() : 0;
        long high = to.signed() || to == Type.U64
                ? Long.MAX_VALUE >> (to == Type.U64 ? 0 : 64 - to.bits())
                : -1L >>> 64 - to.bits();
        return huge ? to == Type.U64 ? integer : high : Math.clamp(integer, low, high);
    }

    /** An integer as its register holds it: a half without what its sign adds above. */
    private long narrow(long integer) {
        return half ? integer & 0xFFFF : integer;
    }

    /** The bf16 nearest to a float, ties to even. */
    private static long bfloat(int bits) {
        if ((bits & Integer.MAX_VALUE) > 0x7F800000) {
            return 0x7FFF;
        }
        return bits + 0x7FFF + (bits >>> 16 & 1) >>> 16;
    }
}
