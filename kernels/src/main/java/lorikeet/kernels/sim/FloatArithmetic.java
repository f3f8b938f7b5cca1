package lorikeet.kernels.sim;

import java.util.List;

/** An instruction on floating-point numbers of 32 or 64 bits. */
final class FloatArithmetic extends Instruction {
    private final FloatOp op;
    private final boolean single;
    private final Rounding rounding;
    private final boolean approximate;
    private final boolean flush;
    private final boolean saturate;
    private final boolean keepNan;
    private final int target;
    /** As many as the operation has; the last fills up. */
    private final int[] sources = new int[3];

    private FloatArithmetic(Decoder in, FloatOp op, Type type) {
        this.op = op;
        single = type == Type.F32;
        if (type.bytes < 4 || type == Type.BF16X2) {
            throw in.error("there is no arithmetic on " + type);
        }
        approximate = op.approximates() && in.takeOneOf(List.of("approx", "full")) != null;
        var direction = op.rounds() && !approximate ? in.takeRounding() : null;
        rounding = direction == null ? Rounding.RN : direction;
        flush = in.take("ftz");
        saturate = single && in.take("sat");
        keepNan = (op == FloatOp.MIN || op == FloatOp.MAX) && single && in.take("NaN");
        boolean inverse = op == FloatOp.RCP || op == FloatOp.RSQRT;
        if (approximate && !single && !(inverse && flush)) {
            throw in.error("there is no such approximation for .f64");
        }
        if (!single && rounding != Rounding.RN) {
            throw in.error("rounding of .f64 other than to nearest is not simulated");
        }
        if (op.approximates() && !approximate && (direction == null || !op.rounds())) {
            throw in.error("expected .approx or a rounding");
        }
        in.expectOperands(1 + op.sources);
        target = in.target(0, type);
        for (int i = 0; i < sources.length; i++) {
            sources[i] = in.source(Math.min(i + 1, op.sources), type);
        }
    }

    static Instruction decode(Decoder in, Type type) {
        var op = FloatOp.of(in.opcode());
        if (op == null) {
            throw in.error("there is no " + in.opcode() + " for " + type);
        }
        return new FloatArithmetic(in, op, type);
    }

    @Override
    void execute(Warp warp, int lanes) {
        int to = lanes == warp.live ? target : ProgramBuilder.SCRATCH;
        if (single) {
            runSingle(warp, to);
        } else if (approximate) {
            runCrude(warp.longs, to);
        } else {
            Float64.run(op, warp.longs, to, sources[0], sources[1], sources[2]);
        }
        if (to != target) {
            warp.merge(single ? RegisterFile.WORDS : RegisterFile.LONGS, target, lanes);
        }
    }

    private void runSingle(Warp warp, int to) {
        int[] r = warp.words;
        int a = sources[0];
        int b = sources[1];
        int c = sources[2];
        if (flush) {
            a = Float32.flush(r, a, ProgramBuilder.TEMPORARY);
            b = op.sources > 1 ? Float32.flush(r, b, ProgramBuilder.TEMPORARY + 32) : b;
            c = op.sources > 2 ? Float32.flush(r, c, ProgramBuilder.TEMPORARY + 64) : c;
        }
        if (approximate) {
            warp.block.approximation.run(op, r, to, a, b);
        } else if (keepNan) {
            Float32.runKeepingNan(op, r, to, a, b);
        } else if (rounding != Rounding.RN) {
            for (int l = 0; l < 32; l++) {
                float x = rounding.apply(op, Float32.f(r[a + l]), Float32.f(r[b + l]), Float32.f(r[c + l]));
                r[to + l] = Float32.bits(x);
            }
        } else {
            Float32.run(op, r, to, a, b, c);
        }
        if (flush) {
            Float32.flush(r, to, to);
        }
        if (saturate) {
            Float32.saturate(r, to);
        }
    }

    /** rcp and rsqrt.approx.ftz.f64 look at the upper half of their operand and give the upper half of a result. */
    private void runCrude(long[] t, int to) {
        for (int l = 0; l < 32; l++) {
            double x = flushed(Float64.f(t[sources[0] + l] & 0xFFFFFFFF00000000L));
            double y = flushed(op == FloatOp.RCP ? 1 / x : 1 / Math.sqrt(x));
            t[to + l] = Double.isNaN(y) ? 0x7FFFFFFF00000000L : Double.doubleToRawLongBits(y) & 0xFFFFFFFF00000000L;
        }
    }

    private static double flushed(double x) {
        return Math.abs(x) < Double.MIN_NORMAL ? Math.copySign(0.0, x) : x;
    }
}
