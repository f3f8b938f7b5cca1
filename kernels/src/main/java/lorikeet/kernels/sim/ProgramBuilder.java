package lorikeet.kernels.sim;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Gives registers, literals and variables of a kernel their places while it is being decoded. */
final class ProgramBuilder {
    /** Where results wait that not all live lanes take over. */
    static final int SCRATCH = 0;
    /** The first of three registers that hold prepared operands. */
    static final int TEMPORARY = 32;
    /** The predicate that is never set. */
    static final int FALSE = 0;
    private static final int FIRST_REGISTER = 4 * 32;
    private static final Set<String> SPECIALS = Set.of("%tid.x", "%tid.y", "%tid.z", "%ntid.x", "%ntid.y", "%ntid.z",
            "%ctaid.x", "%ctaid.y", "%ctaid.z", "%nctaid.x", "%nctaid.y", "%nctaid.z", "%laneid", "%warpid", "%nwarpid",
            "%lanemask_eq", "%lanemask_lt", "%lanemask_le", "%lanemask_gt", "%lanemask_ge", "%dynamic_smem_size",
            "WARP_SZ");

    final List<Instruction> code = new ArrayList<>();
    private final Map<Integer, Integer> constants = new HashMap<>();
    private final Map<Integer, Long> longConstants = new HashMap<>();
    private final Map<Long, Integer> constantPositions = new HashMap<>();
    private final Map<Long, Integer> longConstantPositions = new HashMap<>();
    private final Map<String, Integer> specials = new HashMap<>();
    private final List<Program.Shared> shared = new ArrayList<>();
    private final Map<Ptx.Variable, Integer> sharedNumbers = new HashMap<>();
    private int words = FIRST_REGISTER;
    private int longs = FIRST_REGISTER;
    private int predicates = FALSE + 1;
    private int sharedBytes;
    private int localBytes;

    /** A free register of a file. */
    int place(RegisterFile file) {
        return switch (file) {
            case WORDS -> (words += 32) - 32;
            case LONGS -> (longs += 32) - 32;
            case PREDICATES -> predicates++;
        };
    }

    /** A register that holds {@code value} in all lanes. */
    int constant(RegisterFile file, long value) {
        if (file == RegisterFile.LONGS) {
            return longConstantPositions.computeIfAbsent(value, _ -> {
                int position = place(file);
                longConstants.put(position, value);
                return position;
            });
        }
        return constantPositions.computeIfAbsent(value & 0xFFFFFFFFL, _ -> {
            int position = place(file);
            constants.put(position, (int) value);
            return position;
        });
    }

    /** The register that stands for a special one, or −1 if there is none of that name. */
    int special(String name) {
        return SPECIALS.contains(name) ? specials.computeIfAbsent(name, _ -> place(RegisterFile.WORDS)) : -1;
    }

    /** Address of a variable in shared memory: its number in the upper byte, so that none reaches into another. */
    long shared(Ptx.Variable variable) {
        int number = sharedNumbers.computeIfAbsent(variable, _ -> {
            if (variable.bytes() == 0) {
                return dynamicShared(variable.name());
            }
            int offset = align(sharedBytes, variable.alignment());
            sharedBytes = Math.addExact(offset, variable.bytes());
            shared.add(new Program.Shared(variable.name(), offset, variable.bytes()));
            return shared.size();
        });
        return SharedMemory.address(number);
    }

    /** All arrays without a size are one. */
    private int dynamicShared(String name) {
        for (int i = 0; i < shared.size(); i++) {
            if (shared.get(i).dynamic()) {
                return i + 1;
            }
        }
        shared.add(new Program.Shared(name, -1, 0));
        return shared.size();
    }

    /** Address of a piece of a thread's own memory. */
    int local(Ptx.Variable variable) {
        int offset = align(localBytes, variable.alignment());
        localBytes = Math.addExact(offset, variable.bytes());
        return offset;
    }

    static int align(int offset, int alignment) {
        return Math.ceilDiv(offset, alignment) * alignment;
    }

    Program build(Ptx ptx, Ptx.Function kernel, int[] parameterOffsets, int parameterBytes, long parameterAddress) {
        return new Program(kernel.name(), ptx, kernel, code.toArray(Instruction[]::new), kernel.parameters(),
                parameterOffsets,
                parameterBytes, parameterAddress, words, longs, predicates, constants, longConstants, specials, shared,
                align(localBytes, 16));
    }
}
