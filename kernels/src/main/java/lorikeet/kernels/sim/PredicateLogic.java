package lorikeet.kernels.sim;

/** {@code and.pred} and its kin: one bit per lane, so one operation for the whole warp. */
final class PredicateLogic extends Instruction {
    private final String op;
    private final int target;
    private final Decoder.Predicate a;
    private final Decoder.Predicate b;

    private PredicateLogic(Decoder in) {
        op = in.opcode();
        boolean binary = switch (op) {
            case "and", "or", "xor" -> true;
            case "not", "mov" -> false;
            default -> throw in.error("there is no " + op + " for .pred");
        };
        in.expectOperands(binary ? 3 : 2);
        target = in.target(0, Type.PRED);
        a = in.predicate(1);
        b = binary ? in.predicate(2) : a;
    }

    static Instruction decode(Decoder in) {
        return new PredicateLogic(in);
    }

    @Override
    void execute(Warp warp, int lanes) {
        int x = warp.predicates[a.register()] ^ a.flip();
        int y = warp.predicates[b.register()] ^ b.flip();
        int outcome = switch (op) {
            case "and" -> x & y;
            case "or" -> x | y;
            case "xor" -> x ^ y;
            case "not" -> ~x;
            default -> x;
        };
        warp.setPredicate(target, outcome, lanes);
    }
}
