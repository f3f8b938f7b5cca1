package lorikeet.kernels.sim;

/** {@code trap}: the kernel itself gives up. */
final class Trap extends Instruction {
    static Instruction decode(Decoder in) {
        in.expectOperands(0);
        return new Trap();
    }

    @Override
    void execute(Warp warp, int lanes) {
        throw warp.fault(Integer.numberOfTrailingZeros(lanes), "the kernel executed trap");
    }
}
