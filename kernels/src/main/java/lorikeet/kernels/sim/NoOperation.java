package lorikeet.kernels.sim;

import java.util.List;

/** Fences, prefetches and naps: they change no result where accesses are made in order. */
final class NoOperation extends Instruction {
    private NoOperation(Decoder in) {
        in.takeAll(List.of("gl", "cta", "sys", "gpu", "sc", "acq_rel", "global", "local", "L1", "L2", "u32"));
    }

    static Instruction decode(Decoder in) {
        return new NoOperation(in);
    }

    @Override
    void execute(Warp warp, int lanes) {
        // nothing to be seen
    }
}
