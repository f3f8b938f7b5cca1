package lorikeet.kernels.sim;

/** {@code bra}. */
final class Branch extends Instruction {
    private final int target;

    private Branch(Decoder in) {
        in.take("uni");
        in.expectOperands(1);
        target = in.label(0);
    }

    static Instruction decode(Decoder in) {
        return new Branch(in);
    }

    @Override
    void execute(Warp warp, int lanes) {
        warp.branch(target, lanes);
    }
}
