package lorikeet.kernels.sim;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Thirty-two lanes that execute in step. Where lanes part at a branch, those with the lowest program counter go first and
 * the others wait until they are met, which brings the paths of structured code together again.
 */
final class Warp {
    enum State { RUNNING, AT_BARRIER, DONE }

    final Block block;
    final Program program;
    final MemoryUnit memory;
    final int number;
    /** The three register files; see {@link RegisterFile}. */
    final int[] words;
    final long[] longs;
    final int[] predicates;
    /** Address in this process of the lanes' own memory, one lane behind the other. */
    final long localMemory;

    /** Lanes that have not exited. */
    int live;
    /** Number of the next instruction of the running group, and the lanes in it. */
    int pc;
    int active;
    State state;

    private final Instruction[] code;
    private final MemorySegment localContent;
    /** What registers hold at first: literals, special registers, and all bits set where a program may rely on nothing. */
    private final int[] freshWords;
    private final long[] freshLongs;
    /** Number of the instruction that is being executed. */
    private int here;

    /** Groups that wait: where, which lanes, and until which lanes are there; 0 if they could go on. */
    private final int[] waitingPc = new int[32];
    private final int[] waitingLanes = new int[32];
    private final long[] waitingFor = new long[32];
    private int waiting;
    /** Where the running group meets the next one that waits; −1 if there is none ahead. */
    private int meeting;

    /** In place of a mask of 32 lanes: those that have not exited. */
    static final long ALL_LIVE = -1;

    Warp(Block block, int number, GlobalMemory global, Arena arena) {
        this.block = block;
        this.number = number;
        program = block.program;
        code = program.code();
        memory = new MemoryUnit(this, global);
        words = new int[program.words()];
        longs = new long[program.longs()];
        predicates = new int[program.predicates()];
        freshWords = new int[words.length];
        freshLongs = new long[longs.length];
        Arrays.fill(freshWords, -1);
        Arrays.fill(freshLongs, -1);
        program.constants().forEach((position, value) -> Arrays.fill(freshWords, position, position + 32, value));
        program.longConstants().forEach((position, value) -> Arrays.fill(freshLongs, position, position + 32, value));
        program.specials().forEach((name, position) -> {
            for (int lane = 0; lane < 32; lane++) {
                freshWords[position + lane] = block.special(name, number, lane);
            }
        });
        localContent = arena.allocate(Math.max(1, 32L * program.localBytes()), 16);
        localMemory = localContent.address();
    }

    /** Gets ready for a block: registers and own memory hold nothing that a program could rely on. */
    void start(int threads) {
        System.arraycopy(freshWords, 0, words, 0, words.length);
        System.arraycopy(freshLongs, 0, longs, 0, longs.length);
        localContent.fill((byte) 0xFF);
        block.placeOfBlock().forEach((position, value) -> Arrays.fill(words, position, position + 32, value));
        int lanes = Math.min(32, threads - 32 * number);
        live = lanes == 32 ? -1 : (1 << lanes) - 1;
        active = live;
        pc = 0;
        waiting = 0;
        meeting = -1;
        state = State.RUNNING;
    }

    /** Executes up to {@code steps} instructions, until the next barrier or the end. */
    void run(long steps) {
        var profile = block.profile;
        for (long step = 0; step < steps && state == State.RUNNING; step++) {
            here = pc;
            var instruction = code[pc++];
            int lanes =
                    instruction.guard < 0 ? active : active & (predicates[instruction.guard] ^ instruction.guardFlip);
            if (profile != null) {
                profile.instruction(instruction, lanes, active);
            }
            if (lanes != 0) {
                instruction.execute(this, lanes);
            }
            if (pc == meeting) {
                schedule();
            }
        }
    }

    // ---- registers ---------------------------------------------------------------------------------------------------

    /** Lets some lanes take over what stands in the scratch register. */
    void merge(RegisterFile file, int target, int lanes) {
        if (file == RegisterFile.WORDS) {
            for (int l = 0; l < 32; l++) {
                words[target + l] = (lanes >>> l & 1) != 0 ? words[ProgramBuilder.SCRATCH + l] : words[target + l];
            }
        } else {
            for (int l = 0; l < 32; l++) {
                longs[target + l] = (lanes >>> l & 1) != 0 ? longs[ProgramBuilder.SCRATCH + l] : longs[target + l];
            }
        }
    }

    void copy(RegisterFile file, int source, int target, int lanes) {
        int to = lanes == live ? target : ProgramBuilder.SCRATCH;
        if (file == RegisterFile.WORDS) {
            System.arraycopy(words, source, words, to, 32);
        } else {
            System.arraycopy(longs, source, longs, to, 32);
        }
        if (to != target) {
            merge(file, target, lanes);
        }
    }

    void setPredicate(int target, int value, int lanes) {
        predicates[target] = predicates[target] & ~lanes | value & lanes;
    }

    // ---- control -----------------------------------------------------------------------------------------------------

    /** The lanes go on at {@code target}, the rest of the running group with the next instruction. */
    void branch(int target, int lanes) {
        if (lanes != active) {
            park(pc, active & ~lanes, 0);
            active = lanes;
        }
        pc = target;
        if (waiting > 0) {
            schedule();
        }
    }

    /** The lanes go on where {@code targets[lane]} says. */
    void branch(int[] targets, int lanes) {
        if (lanes != active) {
            park(pc, active & ~lanes, 0);
        }
        int rest = lanes;
        while (rest != 0) {
            int target = targets[Integer.numberOfTrailingZeros(rest)];
            int group = 0;
            for (int l = 0; l < 32; l++) {
                group |= (rest >>> l & 1) != 0 && targets[l] == target ? 1 << l : 0;
            }
            park(target, group, 0);
            rest &= ~group;
        }
        active = 0;
        schedule();
    }

    void exit(int lanes) {
        live &= ~lanes;
        active &= ~lanes;
        if (live == 0) {
            state = State.DONE;
        } else if (active == 0) {
            schedule();
        }
    }

    /**
     * Says whether the lanes in {@code needed}, perhaps {@link #ALL_LIVE}, are all at this instruction. If not, the group
     * waits for them and this instruction is executed again once they are here.
     */
    boolean together(int lanes, long needed) {
        if (missing(lanes, needed) == 0) {
            return true;
        }
        if (lanes != active) {
            park(pc, active & ~lanes, 0);
        }
        park(here, lanes, needed);
        active = 0;
        schedule();
        return false;
    }

    private int missing(int lanes, long needed) {
        return (needed == ALL_LIVE ? live : (int) needed) & ~lanes;
    }

    private void park(int at, int lanes, long needed) {
        for (int i = 0; i < waiting; i++) {
            if (waitingPc[i] == at) {
                waitingLanes[i] |= lanes;
                waitingFor[i] = 0;
                return;
            }
        }
        waitingPc[waiting] = at;
        waitingLanes[waiting] = lanes;
        waitingFor[waiting++] = needed;
    }

    /** Makes the group with the lowest program counter the running one, of those that need not wait for others. */
    private void schedule() {
        if (active != 0) {
            park(pc, active, 0);
        }
        int chosen = -1;
        for (int i = 0; i < waiting; i++) {
            boolean ready = waitingFor[i] == 0 || missing(waitingLanes[i], waitingFor[i]) == 0;
            if (ready && (chosen < 0 || waitingPc[i] < waitingPc[chosen])) {
                chosen = i;
            }
        }
        if (chosen < 0) {
            here = waitingPc[0];
            int absent = missing(waitingLanes[0], waitingFor[0]);
            throw fault(Integer.numberOfTrailingZeros(waitingLanes[0]), "reached by " + lanes(waitingLanes[0])
                    + " but not by " + lanes(absent) + ", " + (waiting > 1 && (absent & live) != 0
                            ? "waiting at line " + code[waitingPc[1]].line
                            : "not running any more"));
        }
        pc = waitingPc[chosen];
        active = waitingLanes[chosen];
        waiting--;
        waitingPc[chosen] = waitingPc[waiting];
        waitingLanes[chosen] = waitingLanes[waiting];
        waitingFor[chosen] = waitingFor[waiting];
        meeting = -1;
        for (int i = 0; i < waiting; i++) {
            if (waitingPc[i] > pc && (meeting < 0 || waitingPc[i] < meeting)) {
                meeting = waitingPc[i];
            }
        }
    }

    /** {@link #together} for the lanes that a register of 32-bit masks names; each must name itself. */
    boolean named(int lanes, int maskRegister) {
        int needed = 0;
        for (int l = 0; l < 32; l++) {
            if ((lanes >>> l & 1) != 0) {
                int mask = words[maskRegister + l];
                if ((mask >>> l & 1) == 0) {
                    throw fault(l, "executed by a lane that its mask does not name: " + lanes(mask));
                }
                needed |= mask;
            }
        }
        return together(lanes, Integer.toUnsignedLong(needed));
    }

    /** The instruction that was executed last. */
    Instruction instruction() {
        return code[here];
    }

    /** Number of the instruction that is being executed. */
    int here() {
        return here;
    }

    static String lanes(int mask) {
        var text = new StringBuilder(Integer.bitCount(mask) == 1 ? "lane " : "lanes ");
        for (int l = 0; l < 32; l++) {
            if ((mask >>> l & 1) != 0) {
                int end = l;
                while (end < 31 && (mask >>> end + 1 & 1) != 0) {
                    end++;
                }
                text.append(text.toString().endsWith(" ") ? "" : ",").append(l).append(end > l ? "–" + end : "");
                l = end;
            }
        }
        return text.toString();
    }

    /** What a thread did wrong at the instruction that is being executed. */
    GpuFault fault(int lane, String message) {
        return block.fault(32 * number + lane, code[here], message);
    }
}
