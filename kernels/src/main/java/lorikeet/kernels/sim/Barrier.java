package lorikeet.kernels.sim;

import java.util.Arrays;
import java.util.List;

/** {@code bar.sync}, {@code barrier.sync} and {@code bar.red}: waits for all threads of the block. */
final class Barrier extends Instruction {
    private enum Reduction { NONE, POPC, AND, OR }

    private final Reduction reduction;
    /** Register for the outcome: a word for POPC, else a predicate. */
    private final int target;
    private final Decoder.Predicate predicate;

    private Barrier(Decoder in) {
        in.take("cta");
        in.take("aligned");
        if (in.take("sync")) {
            in.expectOperands(1);
            reduction = Reduction.NONE;
            target = -1;
            predicate = null;
            in.number(0);
            return;
        }
        var name = in.take("red") ? in.takeOneOf(List.of("popc", "and", "or")) : null;
        if (name == null) {
            throw in.error("expected a barrier for the whole block: .sync or .red");
        }
        reduction = Reduction.valueOf(name.toUpperCase());
        var type = in.takeType();
        in.expectOperands(3);
        target = in.target(0, type);
        in.number(1);
        predicate = in.predicate(2);
    }

    /** Of {@code bar.warp.sync} too. */
    static Instruction decode(Decoder in) {
        return in.take("warp") ? WarpBarrier.decode(in) : new Barrier(in);
    }

    @Override
    void execute(Warp warp, int lanes) {
        if (warp.together(lanes, Warp.ALL_LIVE)) {
            warp.state = Warp.State.AT_BARRIER;
        }
    }

    /** Number of threads of a warp that brought a true predicate. */
    int votes(Warp warp) {
        return predicate == null
                ? 0
                : Integer.bitCount((warp.predicates[predicate.register()] ^ predicate.flip()) & warp.live);
    }

    /** Hands a warp the outcome of the vote, of which it is one of all. */
    void pass(Warp warp, int votes, int voters) {
        switch (reduction) {
            case NONE -> {
            }
            case POPC -> {
                Arrays.fill(warp.words, ProgramBuilder.SCRATCH, ProgramBuilder.SCRATCH + 32, votes);
                warp.merge(RegisterFile.WORDS, target, warp.live);
            }
            case AND -> warp.setPredicate(target, votes == voters ? -1 : 0, warp.live);
            case OR -> warp.setPredicate(target, votes > 0 ? -1 : 0, warp.live);
        }
        warp.state = Warp.State.RUNNING;
    }
}
