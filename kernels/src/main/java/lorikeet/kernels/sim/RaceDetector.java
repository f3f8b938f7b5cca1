package lorikeet.kernels.sim;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * Finds races: two threads of a launch touch the same bytes, at least one writes, and neither a barrier nor atomicity
 * orders them. Threads of different blocks are never ordered; threads of a block are by its barriers; lanes of a warp also
 * by barriers of the warp that both took part in. It does not matter whether the race did harm in the order in which the
 * interpreter happened to execute. Blocks must be executed one after the other.
 */
final class RaceDetector {
    /** Cells per page, and bytes per cell: the smallest number that kernels store side by side. */
    private static final int PAGE = 128;
    private static final int CELL_BYTES = 2;

    private final Map<Long, Cell[]> global = new HashMap<>();
    private final Map<Long, Cell[]> shared = new HashMap<>();

    /** Counts the barriers of the block so far. */
    private int time;
    /** When the last barrier of the whole block was. */
    private int lastBlockBarrier;
    /** {@code known[warp][i][j]}: what lane j did before that time happened before whatever lane i does now. */
    private int[][][] known;

    /** A thread's touching of a cell; {@code bytes} has a bit for each of the cell's bytes. */
    private record Access(long block, int warp, int lane, int time, Instruction instruction, boolean atomic,
            int bytes) {
        boolean sameThread(Access other) {
            return block == other.block && warp == other.warp && lane == other.lane;
        }
    }

    /** Who touched two bytes last. Those who write always exclude each other, so one of them is enough. */
    private static final class Cell {
        Access write;
        Companions reads;
        Companions atomics;
    }

    /**
     * Accesses that may happen at the same time: the last one, the last one of another thread, and one of another block.
     * Whoever comes next differs from one of the first two, so that a race with any is a race with one of these.
     */
    private static final class Companions {
        Access last;
        Access other;
        Access foreign;

        static Companions add(Companions before, Access access) {
            var companions = before == null ? new Companions() : before;
            companions.add(access);
            return companions;
        }

        private void add(Access access) {
            if (last != null && last.block != access.block) {
                foreign = last;
                other = null;
            } else if (last != null && !last.sameThread(access)) {
                other = last;
            }
            last = access;
        }
    }

    void startBlock(int warps) {
        shared.clear();
        time = 1;
        lastBlockBarrier = 0;
        known = new int[warps][32][32];
    }

    void blockBarrier() {
        lastBlockBarrier = ++time;
    }

    /** The lanes now know of each other's deeds, and of what each of them knew of others. */
    void warpBarrier(Warp warp, int lanes) {
        time++;
        int[][] before = known[warp.number];
        int[] together = new int[32];
        for (int j = 0; j < 32; j++) {
            for (int i = 0; i < 32; i++) {
                if ((lanes >>> i & 1) != 0) {
                    together[j] = Math.max(together[j], i == j ? time : before[i][j]);
                }
            }
        }
        for (int i = 0; i < 32; i++) {
            if ((lanes >>> i & 1) != 0) {
                before[i] = Arrays.copyOf(together, 32);
            }
        }
    }

    /** An access of a warp, whose addresses stand in its memory unit. */
    void access(Warp warp, Instruction instruction, Space space, int lanes, int bytes, boolean write, boolean atomic) {
        var pages = space == Space.SHARED ? shared : global;
        for (int l = 0; l < 32; l++) {
            if ((lanes >>> l & 1) != 0) {
                long address = warp.memory.addresses[l];
                int touched = bytes == 1 ? 1 << (address & 1) : 3;
                var access = new Access(warp.block.number(), warp.number, l, time, instruction, atomic, touched);
                for (long cell = address / CELL_BYTES; cell * CELL_BYTES < address + bytes; cell++) {
                    var cells = pages.computeIfAbsent(cell / PAGE, _ -> new Cell[PAGE]);
                    int index = (int) (cell % PAGE);
                    if (cells[index] == null) {
                        cells[index] = new Cell();
                    }
                    touch(cells[index], access, write, warp, space);
                }
            }
        }
    }

    private void touch(Cell cell, Access access, boolean write, Warp warp, Space space) {
        check(cell.write, "write", access, write, warp, space);
        if (write) {
            check(cell.reads, "read", access, true, warp, space);
        }
        if (access.atomic) {
            cell.atomics = Companions.add(cell.atomics, access);
            return;
        }
        check(cell.atomics, "atomic access", access, write, warp, space);
        if (write) {
            cell.write = access;
        } else {
            cell.reads = Companions.add(cell.reads, access);
        }
    }

    private void check(Companions before, String deed, Access access, boolean write, Warp warp, Space space) {
        if (before != null) {
            check(before.last, deed, access, write, warp, space);
            check(before.other, deed, access, write, warp, space);
            check(before.foreign, deed, access, write, warp, space);
        }
    }

    private void check(Access before, String deed, Access access, boolean write, Warp warp, Space space) {
        if (before == null || ordered(before, access) || (before.bytes & access.bytes) == 0) {
            return;
        }
        throw warp.fault(access.lane, "race: this " + (write ? "write" : "read") + " to " + space.name().toLowerCase()
                + " memory and the " + deed + " by " + warp.block.place(before.block, 32 * before.warp + before.lane)
                + " at line " + before.instruction.line + " are not ordered by a barrier");
    }

    /** Whether an earlier access happened before a later one whatever the order in which warps and lanes execute. */
    private boolean ordered(Access before, Access access) {
        if (before.block != access.block) {
            return false;
        }
        return before.time < lastBlockBarrier || before.warp == access.warp
                && (before.lane == access.lane || before.time < known[access.warp][access.lane][before.lane]);
    }
}
