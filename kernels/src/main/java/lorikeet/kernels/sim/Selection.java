package lorikeet.kernels.sim;

/** {@code selp}: d = p ? a : b. */
final class Selection extends Instruction {
    private final RegisterFile file;
    private final int target;
    private final int a;
    private final int b;
    private final Decoder.Predicate predicate;

    private Selection(Decoder in) {
        var type = in.takeType();
        in.expectOperands(4);
        file = type.file();
        target = in.target(0, type);
        a = in.source(1, type);
        b = in.source(2, type);
        predicate = in.predicate(3);
    }

    static Instruction decode(Decoder in) {
        return new Selection(in);
    }

    @Override
    void execute(Warp warp, int lanes) {
        int chosen = warp.predicates[predicate.register()] ^ predicate.flip();
        int to = lanes == warp.live ? target : ProgramBuilder.SCRATCH;
        if (file == RegisterFile.WORDS) {
            int[] r = warp.words;
            for (int l = 0; l < 32; l++) {
                r[to + l] = (chosen >>> l & 1) != 0 ? r[a + l] : r[b + l];
            }
        } else {
            long[] t = warp.longs;
            for (int l = 0; l < 32; l++) {
                t[to + l] = (chosen >>> l & 1) != 0 ? t[a + l] : t[b + l];
            }
        }
        if (to != target) {
            warp.merge(file, target, lanes);
        }
    }
}
