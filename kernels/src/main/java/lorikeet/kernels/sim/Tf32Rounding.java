package lorikeet.kernels.sim;

/** {@code cvt.rna.tf32.f32}: the nearest number with 10 bits behind the point, ties away from zero. */
final class Tf32Rounding extends Instruction {
    private static final int DROPPED = 0x1FFF;

    private final int target;
    private final int source;

    Tf32Rounding(Decoder in) {
        if (!in.take("rna") || !in.take("tf32") || !in.take("f32")) {
            throw in.error("expected cvt.rna.tf32.f32");
        }
        in.expectOperands(2);
        target = in.target(0, Type.B32);
        source = in.source(1, Type.F32);
    }

    @Override
    void execute(Warp warp, int lanes) {
        for (int l = 0; l < 32; l++) {
            int bits = warp.words[source + l];
            boolean number = (bits & Integer.MAX_VALUE) <= 0x7F800000;
            warp.words[ProgramBuilder.SCRATCH + l] = number ? bits + DROPPED / 2 + 1 & ~DROPPED : Float32.NAN;
        }
        warp.merge(RegisterFile.WORDS, target, lanes);
    }
}
