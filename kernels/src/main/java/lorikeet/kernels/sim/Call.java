package lorikeet.kernels.sim;

import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * {@code call}: copies parameters in a thread's own memory, notes in the callee's link register where each lane came from,
 * and branches. {@link Return} does the same backwards.
 */
final class Call extends Instruction {
    private final Decoder.Function callee;
    private final int[] arguments;
    private final int[] results;

    private Call(Decoder in) {
        in.take("uni");
        in.expectOperands(1, 3);
        int name = in.operand(0) instanceof Ptx.Group ? 1 : 0;
        callee = in.callee(in.operand(name));
        results = name == 0 ? new int[0] : addresses(in, in.operand(0));
        arguments = name + 1 < in.operandCount() ? addresses(in, in.operand(name + 1)) : new int[0];
        if (arguments.length != callee.parameters.size() || results.length != callee.results.size()) {
            throw in.error("call does not suit the parameters of " + callee.source.name());
        }
    }

    static Instruction decode(Decoder in) {
        return new Call(in);
    }

    private static int[] addresses(Decoder in, Ptx.Operand list) {
        if (!(list instanceof Ptx.Group group)) {
            throw in.error("expected a list in parentheses");
        }
        return group.members().stream().mapToInt(in::localAddress).toArray();
    }

    @Override
    void execute(Warp warp, int lanes) {
        for (int l = 0; l < 32; l++) {
            if ((lanes >>> l & 1) != 0) {
                copy(warp, l, arguments, callee.parameters, callee.source.parameters(), true);
                warp.words[callee.link + l] = warp.here();
            }
        }
        warp.branch(callee.start, lanes);
    }

    /** Takes over a callee's results for one lane. */
    void takeResults(Warp warp, int lane) {
        copy(warp, lane, results, callee.results, callee.source.results(), false);
    }

    private static void copy(Warp warp, int lane, int[] ours, List<Integer> theirs, List<Ptx.Variable> variables,
            boolean in) {
        long own = warp.localMemory + (long) lane * warp.program.localBytes();
        for (int i = 0; i < ours.length; i++) {
            long from = own + (in ? ours[i] : theirs.get(i));
            long to = own + (in ? theirs.get(i) : ours[i]);
            MemorySegment.copy(GlobalMemory.HOST, from, GlobalMemory.HOST, to, variables.get(i).bytes());
        }
    }
}
