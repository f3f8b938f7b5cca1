package lorikeet.kernels.sim;

/** {@code cvta}: from the address in a space to a generic one, or back; {@code isspacep}: asks where one points. */
final class AddressConversion extends Instruction {
    private final Space space;
    private final boolean question;
    private final int target;
    private final int source;
    private final long difference;

    private AddressConversion(Decoder in) {
        question = in.opcode().equals("isspacep");
        boolean back = in.take("to");
        space = in.takeSpace();
        if (space == Space.GENERIC || !question && in.takeType() != Type.U64) {
            throw in.error("expected a state space and .u64");
        }
        in.expectOperands(2);
        target = in.target(0, question ? Type.PRED : Type.U64);
        source = in.source(1, Type.U64);
        difference = back ? -MemoryUnit.window(space) : MemoryUnit.window(space);
    }

    static Instruction decode(Decoder in) {
        return new AddressConversion(in);
    }

    @Override
    void execute(Warp warp, int lanes) {
        long[] t = warp.longs;
        int inside = 0;
        for (int l = 0; l < 32; l++) {
            if (question) {
                inside |= MemoryUnit.spaceOf(t[source + l]) == space ? 1 << l : 0;
            } else {
                t[ProgramBuilder.SCRATCH + l] = t[source + l] + difference;
            }
        }
        if (question) {
            warp.setPredicate(target, inside, lanes);
        } else {
            warp.merge(RegisterFile.LONGS, target, lanes);
        }
    }
}
