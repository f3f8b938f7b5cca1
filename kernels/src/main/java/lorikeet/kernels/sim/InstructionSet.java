package lorikeet.kernels.sim;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** Which class reads which instruction. */
final class InstructionSet {
    private static final Map<String, Function<Decoder, Instruction>> READERS = new HashMap<>();

    static {
        read(InstructionSet::arithmetic, "add", "sub", "mul", "mad", "fma", "div", "rem", "min", "max", "abs", "neg",
                "sad",
                "and", "or", "xor", "not", "cnot", "lop3", "shl", "shr", "shf", "bfe", "bfi", "prmt", "popc", "clz",
                "brev",
                "bfind", "copysign", "rcp", "sqrt", "rsqrt", "ex2", "lg2", "sin", "cos", "tanh");
        read(Comparison::decode, "setp");
        read(Selection::decode, "selp");
        read(Move::decode, "mov");
        read(Conversion::decode, "cvt");
        read(AddressConversion::decode, "cvta", "isspacep");
        read(MemoryAccess::decode, "ld", "st");
        read(Atomic::decode, "atom", "red");
        read(Branch::decode, "bra");
        read(IndexedBranch::decode, "brx");
        read(Call::decode, "call");
        read(Return::decode, "ret", "exit");
        read(Barrier::decode, "bar", "barrier");
        read(Shuffle::decode, "shfl");
        read(TensorCore::decode, "mma");
        read(Vote::decode, "vote", "match", "redux", "activemask");
        read(NoOperation::decode, "membar", "fence", "prefetch", "nanosleep");
        read(Trap::decode, "trap");
    }

    private InstructionSet() {}

    private static void read(Function<Decoder, Instruction> reader, String... opcodes) {
        List.of(opcodes).forEach(opcode -> READERS.put(opcode, reader));
    }

    /** What reads instructions of that name, or null. */
    static Function<Decoder, Instruction> of(String opcode) {
        return READERS.get(opcode);
    }

    private static Instruction arithmetic(Decoder in) {
        var type = in.takeType();
        return switch (type.kind) {
            case PREDICATE -> PredicateLogic.decode(in);
            case FLOAT -> FloatArithmetic.decode(in, type);
            default -> IntegerArithmetic.decode(in, type);
        };
    }
}
