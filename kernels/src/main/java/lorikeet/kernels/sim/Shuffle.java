package lorikeet.kernels.sim;

import java.util.List;

/** {@code shfl.sync}: each lane reads a register of another. */
final class Shuffle extends Instruction {
    private enum Mode { UP, DOWN, BFLY, IDX }

    private final Mode mode;
    private final int target;
    /** Predicate that says whether the lane asked for was in range, or −1. */
    private final int inRange;
    private final int source;
    private final int lane;
    private final int clamp;
    private final int mask;

    private Shuffle(Decoder in) {
        var name = in.take("sync") ? in.takeOneOf(List.of("up", "down", "bfly", "idx")) : null;
        if (name == null || in.takeType() != Type.B32) {
            throw in.error("expected shfl.sync.{up,down,bfly,idx}.b32");
        }
        mode = Mode.valueOf(name.toUpperCase());
        in.expectOperands(5);
        if (in.operand(0) instanceof Ptx.Pair pair) {
            target = in.target(pair.first(), Type.B32, false);
            inRange = in.target(pair.second(), Type.PRED, false);
        } else {
            target = in.target(0, Type.B32);
            inRange = -1;
        }
        source = in.source(1, Type.B32);
        lane = in.source(2, Type.B32);
        clamp = in.source(3, Type.B32);
        mask = in.source(4, Type.B32);
    }

    static Instruction decode(Decoder in) {
        return new Shuffle(in);
    }

    @Override
    void execute(Warp warp, int lanes) {
        if (!warp.named(lanes, mask)) {
            return;
        }
        int[] r = warp.words;
        int valid = 0;
        for (int l = 0; l < 32; l++) {
            if ((lanes >>> l & 1) != 0) {
                int b = r[lane + l] & 31;
                int segments = r[clamp + l] >>> 8 & 31;
                int last = l & segments | r[clamp + l] & 31 & ~segments;
                int from = switch (mode) {
                    case UP -> l - b;
                    case DOWN -> l + b;
                    case BFLY -> l ^ b;
                    case IDX -> l & segments | b & ~segments;
                };
                if (mode == Mode.UP ? from >= last : from <= last) {
                    valid |= 1 << l;
                    if ((r[mask + l] & lanes & 1 << from) == 0) {
                        throw warp.fault(l, "reads lane " + from + ", which takes no part");
                    }
                } else {
                    from = l;
                }
                r[ProgramBuilder.SCRATCH + l] = r[source + from];
            }
        }
        warp.merge(RegisterFile.WORDS, target, lanes);
        if (inRange >= 0) {
            warp.setPredicate(inRange, valid, lanes);
        }
    }
}
