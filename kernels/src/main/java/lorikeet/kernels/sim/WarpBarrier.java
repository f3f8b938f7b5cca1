package lorikeet.kernels.sim;

/** {@code bar.warp.sync}: waits for lanes of the warp, and orders their accesses to memory. */
final class WarpBarrier extends Instruction {
    private final int mask;

    private WarpBarrier(Decoder in) {
        if (!in.take("sync")) {
            throw in.error("expected bar.warp.sync");
        }
        in.expectOperands(1);
        mask = in.source(0, Type.B32);
    }

    static Instruction decode(Decoder in) {
        return new WarpBarrier(in);
    }

    @Override
    void execute(Warp warp, int lanes) {
        if (warp.named(lanes, mask) && warp.block.races != null) {
            warp.block.races.warpBarrier(warp, lanes);
        }
    }
}
