package lorikeet.kernels.sim;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * The shared memory of one block. An address names its variable in its upper byte and a byte within it in the others, so
 * that no variable's neighbour is reached unnoticed.
 */
final class SharedMemory {
    private static final int OFFSET_BITS = 24;
    private static final int VARIABLES = 255;

    /** Start and size, by number of variable, from 1. */
    private final int[] offsets;
    private final int[] bytes;
    private final List<Program.Shared> variables;
    private final MemorySegment content;

    SharedMemory(Program program, int dynamicBytes, Arena arena) {
        variables = program.shared();
        int count = variables.size();
        offsets = new int[count + 1];
        bytes = new int[count + 1];
        int dynamic = ProgramBuilder.align(program.staticSharedBytes(), 16);
        for (int i = 0; i < count; i++) {
            var variable = variables.get(i);
            offsets[i + 1] = variable.dynamic() ? dynamic : variable.offset();
            bytes[i + 1] = variable.dynamic() ? dynamicBytes : variable.bytes();
        }
        content = arena.allocate(dynamic + dynamicBytes + 16L, 256);
    }

    /** Address of the first byte of a variable. */
    static long address(int number) {
        if (number > VARIABLES) {
            throw new IllegalArgumentException("more than " + VARIABLES + " variables in shared memory");
        }
        return (long) number << OFFSET_BITS;
    }

    /** Fresh shared memory is NaN, whatever a block before left there. */
    void clear() {
        content.fill((byte) 0xFF);
    }

    /** First address of the variable that an address belongs to, and the size of that; −1 if there is none. */
    long base(long address) {
        long number = address >>> OFFSET_BITS;
        return number >= 1 && number < bytes.length ? number << OFFSET_BITS : -1;
    }

    int size(long base) {
        return bytes[(int) (base >>> OFFSET_BITS)];
    }

    /** Address in this process of a variable's first byte. */
    long host(long base) {
        return content.address() + offset(base);
    }

    /** Where a variable starts in the shared memory of its block, which decides on the banks it lies in. */
    int offset(long base) {
        return offsets[(int) (base >>> OFFSET_BITS)];
    }

    String describe(long address) {
        long base = base(address);
        if (base < 0) {
            return String.format("address 0x%x, where no variable in shared memory lies", address);
        }
        var name = variables.get((int) (base >>> OFFSET_BITS) - 1).name();
        return "byte " + (address - base) + " of shared variable " + name + " of " + size(base) + " bytes";
    }
}
