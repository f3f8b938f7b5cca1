package lorikeet.kernels.sim;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/** Counts what a kernel does: one object per thread that executes blocks, added up at the end of a launch. */
final class Profile {
    private static final int SECTOR = 32;
    private static final int BANKS = 32;
    private static final int WORD = 4;

    long launches;
    private long warpInstructions;
    private long laneInstructions;
    private long branches;
    private long divergentBranches;
    private long sharedRequests;
    private long sharedPasses;
    private long idealSharedPasses;
    private final Traffic loads = new Traffic();
    private final Traffic stores = new Traffic();
    private final long[] sorted = new long[32];

    /** Accesses to global memory in one direction. */
    private static final class Traffic {
        long requests;
        long sectors;
        long idealSectors;
        long bytes;
        long distinctSectors;
        /** Sectors that this launch has touched, one bit each, 4,096 to a page. */
        final Map<Long, long[]> touched = new HashMap<>();

        void touch(long sector) {
            touched.computeIfAbsent(sector >>> 12, _ -> new long[64])[(int) (sector >>> 6 & 63)] |= 1L << sector;
        }

        void add(Traffic other) {
            requests += other.requests;
            sectors += other.sectors;
            idealSectors += other.idealSectors;
            bytes += other.bytes;
            other.touched.forEach((page, bits) -> touched.merge(page, bits, (mine, theirs) -> {
                for (int i = 0; i < mine.length; i++) {
                    mine[i] |= theirs[i];
                }
                return mine;
            }));
        }

        void settle() {
            distinctSectors += touched.values().stream().flatMapToLong(Arrays::stream).map(Long::bitCount).sum();
            touched.clear();
        }

        KernelProfile.Traffic result() {
            return new KernelProfile.Traffic(requests, sectors, idealSectors, bytes, distinctSectors * SECTOR);
        }
    }

    void instruction(Instruction instruction, int lanes, int active) {
        warpInstructions++;
        laneInstructions += Integer.bitCount(lanes);
        if (instruction instanceof Branch && instruction.guard >= 0) {
            branches++;
            divergentBranches += lanes != 0 && lanes != active ? 1 : 0;
        }
    }

    /** An access of a warp, whose addresses stand in its memory unit. */
    void access(Warp warp, Space space, int lanes, int bytes, boolean write) {
        if (space == Space.SHARED) {
            shared(warp, lanes, bytes);
        } else {
            global(write ? stores : loads, warp.memory.addresses, lanes, bytes);
        }
    }

    private void global(Traffic traffic, long[] addresses, int lanes, int bytes) {
        int count = 0;
        for (int l = 0; l < 32; l++) {
            if ((lanes >>> l & 1) != 0) {
                sorted[count++] = addresses[l];
            }
        }
        Arrays.sort(sorted, 0, count);
        int distinct = 0;
        int sectors = 0;
        for (int i = 0; i < count; i++) {
            distinct += i == 0 || sorted[i] != sorted[i - 1] ? 1 : 0;
            if (i == 0 || sorted[i] / SECTOR != sorted[i - 1] / SECTOR) {
                sectors++;
                traffic.touch(sorted[i] / SECTOR);
            }
        }
        traffic.requests++;
        traffic.sectors += sectors;
        traffic.idealSectors += Math.ceilDiv(distinct * bytes, SECTOR);
        traffic.bytes += (long) count * bytes;
    }

    /**
     * Shared memory serves a word of each of 32 banks in one pass. Accesses of 8 and 16 bytes are served for a half and a
     * quarter of the warp at a time.
     */
    private void shared(Warp warp, int lanes, int bytes) {
        sharedRequests++;
        int words = Math.max(1, bytes / WORD);
        int together = 32 / words;
        for (int first = 0; first < 32; first += together) {
            int group = lanes & (int) ((1L << together) - 1 << first);
            if (group != 0) {
                sharedPasses += passes(warp, group, words);
                idealSharedPasses++;
            }
        }
    }

    /** The most different words that the lanes want of any one bank. */
    private int passes(Warp warp, int group, int words) {
        int count = 0;
        for (int l = 0; l < 32; l++) {
            if ((group >>> l & 1) != 0) {
                long address = warp.memory.addresses[l];
                long base = warp.block.shared.base(address);
                long word = (warp.block.shared.offset(base) + address - base) / WORD;
                for (int i = 0; i < words; i++) {
                    sorted[count++] = word + i;
                }
            }
        }
        Arrays.sort(sorted, 0, count);
        int[] perBank = new int[BANKS];
        int most = 0;
        for (int i = 0; i < count; i++) {
            if (i == 0 || sorted[i] != sorted[i - 1]) {
                most = Math.max(most, ++perBank[(int) (sorted[i] % BANKS)]);
            }
        }
        return most;
    }

    void add(Profile other) {
        warpInstructions += other.warpInstructions;
        laneInstructions += other.laneInstructions;
        branches += other.branches;
        divergentBranches += other.divergentBranches;
        sharedRequests += other.sharedRequests;
        sharedPasses += other.sharedPasses;
        idealSharedPasses += other.idealSharedPasses;
        loads.add(other.loads);
        stores.add(other.stores);
    }

    /** Ends a launch: counts the sectors that it touched. */
    void settle() {
        loads.settle();
        stores.settle();
    }

    KernelProfile result(String kernel) {
        return new KernelProfile(kernel, launches, warpInstructions, laneInstructions, branches, divergentBranches,
                sharedRequests, sharedPasses, idealSharedPasses, loads.result(), stores.result());
    }
}
