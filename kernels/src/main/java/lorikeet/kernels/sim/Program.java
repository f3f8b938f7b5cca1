package lorikeet.kernels.sim;

import java.util.List;
import java.util.Map;
import lorikeet.kernels.cuda.Gpu;

/**
 * A kernel, decoded: what it executes, and what its warps and blocks must hold.
 *
 * @param ptx         the module it comes from, for messages
 * @param parameters  its parameters, in order
 * @param parameterOffsets where each stands in the parameters' memory
 * @param parameterAddress global address of that memory
 * @param words       size of the file of words, in ints; likewise longs, and predicates
 * @param constants   what the code says literally, by position in the file of words; likewise for longs
 * @param specials    the special registers it reads, by name, with their position in the file of words
 * @param shared      its variables in shared memory
 * @param localBytes  local memory of one thread
 */
record Program(String name, Ptx ptx, Ptx.Function function, Instruction[] code, List<Ptx.Variable> parameters,
        int[] parameterOffsets, int parameterBytes, long parameterAddress, int words, int longs, int predicates,
        Map<Integer, Integer> constants, Map<Integer, Long> longConstants, Map<String, Integer> specials,
        List<Shared> shared,
        int localBytes) implements Gpu.Kernel {

    /**
     * A variable in shared memory.
     *
     * @param offset where it starts in the shared memory of a block, or −1 for dynamic memory, which follows all others
     */
    record Shared(String name, int offset, int bytes) {
        boolean dynamic() {
            return offset < 0;
        }
    }

    /** Bytes of shared memory that the code itself asks for. */
    int staticSharedBytes() {
        return shared.stream().mapToInt(variable -> variable.offset() + variable.bytes()).max().orElse(0);
    }
}
