package lorikeet.kernels.sim;

/** {@code brx.idx}: a branch to the label that a register numbers. */
final class IndexedBranch extends Instruction {
    private final int index;
    private final int[] labels;

    private IndexedBranch(Decoder in) {
        in.take("idx");
        in.take("uni");
        in.expectOperands(2);
        index = in.source(0, Type.U32);
        labels = in.targets(1);
    }

    static Instruction decode(Decoder in) {
        return new IndexedBranch(in);
    }

    @Override
    void execute(Warp warp, int lanes) {
        int[] targets = new int[32];
        for (int l = 0; l < 32; l++) {
            if ((lanes >>> l & 1) != 0) {
                int number = warp.words[index + l];
                if (number < 0 || number >= labels.length) {
                    throw warp.fault(l, "branch to label number " + number + " of " + labels.length);
                }
                targets[l] = labels[number];
            }
        }
        warp.branch(targets, lanes);
    }
}
