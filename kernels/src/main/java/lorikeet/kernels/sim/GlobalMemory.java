package lorikeet.kernels.sim;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import lorikeet.kernels.OutOfDeviceMemoryException;

/**
 * Global memory: allocations that know their bounds. An address names its allocation in its upper bits, so that no
 * arithmetic on it leads into another one unnoticed; numbers of allocations are not used again, so that a freed address
 * stays one.
 */
final class GlobalMemory implements AutoCloseable {
    /**
     * All memory of this process. The interpreter checks each address itself, against the allocation it belongs to, and
     * then reads and writes through this one segment, whose own checks cost nothing.
     */
    static final MemorySegment HOST = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

    /** How the interpreter reads and writes through it: in a GPU's byte order, whatever the alignment. */
    static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;
    static final ValueLayout.OfShort HALF = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfInt WORD = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** Bits of an address that count bytes within an allocation; half of that range lies below its start. */
    private static final int OFFSET_BITS = 36;
    private static final int ALIGNMENT = 256;

    private final long capacity;
    private Allocation[] allocations = new Allocation[64];
    private int count = 1;
    private long used;

    GlobalMemory(long capacity) {
        this.capacity = capacity;
    }

    /** A piece of global memory. */
    static final class Allocation {
        final long address;
        final long bytes;
        /** Address in this process. */
        final long host;
        private final Arena arena;
        /** Bytes that may be touched: all, or −1 once freed. */
        long limit;

        private Allocation(long address, long bytes) {
            this.address = address;
            this.bytes = bytes;
            arena = Arena.ofShared();
            host = arena.allocate(Math.max(1, bytes), ALIGNMENT).fill((byte) 0xFF).address();
            limit = bytes;
        }

        boolean freed() {
            return limit < 0;
        }
    }

    /** Memory whose bytes are all ones: NaN, read as a float of any kind. */
    long allocate(long bytes) {
        if (bytes < 0 || bytes > capacity - used) {
            throw new OutOfDeviceMemoryException(
                    "the simulated GPU has " + capacity + " bytes, " + used + " in use; no room for " + bytes);
        }
        if (count == allocations.length) {
            allocations = Arrays.copyOf(allocations, 2 * count);
        }
        long address = ((long) count << OFFSET_BITS) + (1L << OFFSET_BITS - 1);
        try {
            allocations[count] = new Allocation(address, bytes);
        } catch (OutOfMemoryError noRoom) {
            throw new OutOfDeviceMemoryException(
                    "the host has no room for " + bytes + " bytes of simulated GPU memory");
        }
        count++;
        used += bytes;
        return address;
    }

    void free(long address) {
        var allocation = find(address);
        if (allocation == null || allocation.address != address) {
            throw new IllegalArgumentException("free of " + describe(address) + ": not the start of an allocation");
        }
        if (allocation.freed()) {
            throw new IllegalArgumentException("free of " + describe(address) + " a second time");
        }
        allocation.limit = -1;
        allocation.arena.close();
        used -= allocation.bytes;
    }

    /** The allocation that an address belongs to, be it inside or not, perhaps a freed one; null if there is none. */
    Allocation find(long address) {
        long number = address >>> OFFSET_BITS;
        return number < count ? allocations[(int) number] : null;
    }

    /** The {@code bytes} bytes from {@code address} on; {@code action} says in an error what was to be done with them. */
    MemorySegment segment(long address, long bytes, String action) {
        var allocation = find(address);
        long offset = allocation == null ? 0 : address - allocation.address;
        if (allocation == null || offset < 0 || bytes < 0 || offset > allocation.limit - bytes) {
            throw new IllegalArgumentException(action + " of " + bytes + " bytes at " + describe(address));
        }
        return HOST.asSlice(allocation.host + offset, bytes);
    }

    /** An address in words: how far into which allocation. */
    String describe(long address) {
        var allocation = find(address);
        if (allocation == null) {
            return String.format("address 0x%x, which belongs to no allocation", address);
        }
        return String.format("byte %d of %s allocation of %d bytes", address - allocation.address,
                allocation.freed() ? "a freed" : "an", allocation.bytes);
    }

    @Override
    public void close() {
        for (int i = 1; i < count; i++) {
            if (!allocations[i].freed()) {
                free(allocations[i].address);
            }
        }
    }
}
