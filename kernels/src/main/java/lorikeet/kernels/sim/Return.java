package lorikeet.kernels.sim;

/** {@code ret} and {@code exit}: back to the call, or the end of a thread. */
final class Return extends Instruction {
    /** The function it returns from; null if the thread ends here. */
    private final Decoder.Function function;

    Return(Decoder.Function function) {
        this.function = function.source.entry() ? null : function;
    }

    private Return() {
        function = null;
    }

    static Instruction decode(Decoder in) {
        in.take("uni");
        in.expectOperands(0);
        return in.opcode().equals("exit") ? new Return() : new Return(in.function());
    }

    @Override
    void execute(Warp warp, int lanes) {
        if (function == null) {
            warp.exit(lanes);
            return;
        }
        int[] targets = new int[32];
        for (int l = 0; l < 32; l++) {
            if ((lanes >>> l & 1) != 0) {
                int call = warp.words[function.link + l];
                ((Call) warp.program.code()[call]).takeResults(warp, l);
                targets[l] = call + 1;
            }
        }
        warp.branch(targets, lanes);
    }
}
