package lorikeet.kernels.sim;

import lorikeet.kernels.sim.Decoder.Location;
import lorikeet.kernels.sim.GlobalMemory.Allocation;

/**
 * What stands between a warp's registers and memory: computes the addresses of its lanes and checks each against the
 * allocation or variable that it belongs to.
 */
final class MemoryUnit {
    /** In a generic address these bits tell which space it points to; none set is global memory. */
    static final long SHARED_WINDOW = 1L << 60;
    static final long LOCAL_WINDOW = 2L << 60;
    private static final long WINDOWS = SHARED_WINDOW | LOCAL_WINDOW;

    /** Addresses of the last access by lane: in the program's view without window, and in this process. */
    final long[] addresses = new long[32];
    final long[] host = new long[32];

    private final Warp warp;
    private final GlobalMemory global;

    MemoryUnit(Warp warp, GlobalMemory global) {
        this.warp = warp;
        this.global = global;
    }

    /** The offset that, added to an address of a space, gives a generic address. */
    static long window(Space space) {
        return space == Space.SHARED ? SHARED_WINDOW : space == Space.LOCAL ? LOCAL_WINDOW : 0;
    }

    static Space spaceOf(long genericAddress) {
        long window = genericAddress & WINDOWS;
        return window == SHARED_WINDOW ? Space.SHARED : window == LOCAL_WINDOW ? Space.LOCAL : Space.GLOBAL;
    }

    /**
     * Fills {@link #addresses} and {@link #host} for an access of {@code bytes} bytes by each of the lanes, aligned to as
     * many, and gives the space that they lie in, which is the same for all.
     */
    Space resolve(Location location, int bytes, int lanes) {
        computeAddresses(location);
        var space = location.space() == Space.GENERIC ? leaveWindow(lanes) : location.space();
        int first = Integer.numberOfTrailingZeros(lanes);
        long base;
        long limit;
        long toHost;
        switch (space) {
            case SHARED -> {
                base = warp.block.shared.base(addresses[first]);
                limit = base < 0 ? 0 : warp.block.shared.size(base);
                toHost = base < 0 ? 0 : warp.block.shared.host(base);
            }
            case LOCAL -> {
                resolveLocal(bytes, lanes);
                return space;
            }
            default -> {
                var allocation = global.find(addresses[first]);
                base = allocation == null ? -1 : allocation.address;
                limit = allocation == null ? 0 : allocation.limit;
                toHost = allocation == null ? 0 : allocation.host;
            }
        }
        long last = limit - bytes;
        long outside = 0;
        long low = 0;
        for (int l = 0; l < 32; l++) {
            if ((lanes >>> l & 1) != 0) {
                long offset = addresses[l] - base;
                outside |= offset | last - offset;
                low |= offset;
                host[l] = toHost + offset;
            }
        }
        if (base < 0 || outside < 0 || (low & bytes - 1) != 0) {
            resolveOneByOne(space, bytes, lanes);
        }
        return space;
    }

    private void computeAddresses(Location location) {
        int base = location.base();
        long offset = location.offset();
        if (location.wide()) {
            for (int l = 0; l < 32; l++) {
                addresses[l] = warp.longs[base + l] + offset;
            }
        } else {
            for (int l = 0; l < 32; l++) {
                addresses[l] = warp.words[base + l] + offset & 0xFFFFFFFFL;
            }
        }
    }

    /** The space that generic addresses point to; they become addresses of that space. */
    private Space leaveWindow(int lanes) {
        var space = spaceOf(addresses[Integer.numberOfTrailingZeros(lanes)]);
        for (int l = 0; l < 32; l++) {
            if ((lanes >>> l & 1) != 0) {
                if (spaceOf(addresses[l]) != space) {
                    throw warp.fault(l,
                            "generic addresses of one warp point to " + space + " and " + spaceOf(addresses[l])
                                    + " memory, which is not simulated");
                }
                addresses[l] -= window(space);
            }
        }
        return space;
    }

    /** A thread's own memory lies in one piece behind that of the lane before. */
    private void resolveLocal(int bytes, int lanes) {
        int size = warp.program.localBytes();
        for (int l = 0; l < 32; l++) {
            if ((lanes >>> l & 1) != 0) {
                long offset = addresses[l];
                if (offset < 0 || offset > size - bytes) {
                    throw warp.fault(l, bytes + " bytes at byte " + offset + " of " + size + " bytes of local memory");
                }
                checkAlignment(l, offset, bytes);
                host[l] = warp.localMemory + (long) l * size + offset;
            }
        }
    }

    /** The slow way: lanes may reach into different allocations, and what is wrong is named. */
    private void resolveOneByOne(Space space, int bytes, int lanes) {
        for (int l = 0; l < 32; l++) {
            if ((lanes >>> l & 1) != 0) {
                host[l] = space == Space.SHARED ? sharedHost(l, bytes) : globalHost(l, bytes);
            }
        }
    }

    private long sharedHost(int lane, int bytes) {
        var shared = warp.block.shared;
        long base = shared.base(addresses[lane]);
        long offset = addresses[lane] - base;
        if (base < 0 || offset > shared.size(base) - bytes) {
            throw warp.fault(lane, bytes + " bytes at " + shared.describe(addresses[lane]));
        }
        checkAlignment(lane, offset, bytes);
        return shared.host(base) + offset;
    }

    private long globalHost(int lane, int bytes) {
        Allocation allocation = global.find(addresses[lane]);
        long offset = allocation == null ? -1 : addresses[lane] - allocation.address;
        if (offset < 0 || offset > allocation.limit - bytes) {
            throw warp.fault(lane, bytes + " bytes at " + global.describe(addresses[lane]));
        }
        checkAlignment(lane, offset, bytes);
        return allocation.host + offset;
    }

    private void checkAlignment(int lane, long offset, int bytes) {
        if ((offset & bytes - 1) != 0) {
            throw warp.fault(lane,
                    "address 0x" + Long.toHexString(addresses[lane]) + " is not aligned to " + bytes + " bytes");
        }
    }
}
