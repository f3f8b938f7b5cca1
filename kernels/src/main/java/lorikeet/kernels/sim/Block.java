package lorikeet.kernels.sim;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;

/** A block of threads in execution; one object serves one block after the other. */
final class Block {
    final Program program;
    final SharedMemory shared;
    final Approximation approximation;
    /** Null if nobody wants to know. */
    final Profile profile;
    final RaceDetector races;
    /** Whether accesses to memory are of interest to anybody. */
    final boolean observed;

    private final Launch launch;
    private final SimGpu.Options options;
    private final Warp[] warps;
    private final int[] order;
    private long number;

    Block(Launch launch, SimGpu.Options options, GlobalMemory global, Profile profile, RaceDetector races,
            Arena arena) {
        this.launch = launch;
        this.options = options;
        this.profile = profile;
        this.races = races;
        program = launch.program();
        observed = profile != null || races != null;
        approximation = new Approximation(options.perturb(), options.seed());
        shared = new SharedMemory(program, launch.sharedBytes(), arena);
        warps = new Warp[Math.ceilDiv(launch.threads(), 32)];
        order = new int[warps.length];
        for (int i = 0; i < warps.length; i++) {
            warps[i] = new Warp(this, i, global, arena);
        }
    }

    /** Number of the block that is being executed, in order of x, y, z. */
    long number() {
        return number;
    }

    void run(long blockNumber) {
        number = blockNumber;
        shared.clear();
        if (races != null) {
            races.startBlock(warps.length);
        }
        for (var warp : warps) {
            warp.start(launch.threads());
        }
        // The order of warps depends on seed and block alone, not on the blocks that this object served before.
        Arrays.setAll(order, i -> i);
        var random = new Random(options.seed() * 31 + blockNumber);
        do {
            if (options.schedule() == SimGpu.Schedule.LOCK_STEP) {
                runInStep();
            } else {
                shuffle(random);
                for (int i : order) {
                    warps[i].run(Long.MAX_VALUE);
                }
            }
        } while (passBarrier());
    }

    /** One instruction of each warp in turn, until all wait or are done. */
    private void runInStep() {
        boolean running = true;
        while (running) {
            running = false;
            for (var warp : warps) {
                warp.run(1);
                running |= warp.state == Warp.State.RUNNING;
            }
        }
    }

    private void shuffle(Random random) {
        for (int i = order.length - 1; i > 0; i--) {
            int other = random.nextInt(i + 1);
            int swapped = order[i];
            order[i] = order[other];
            order[other] = swapped;
        }
    }

    /** Lets all warps go on if they wait at the same barrier; false if all are done. */
    private boolean passBarrier() {
        Barrier barrier = null;
        int votes = 0;
        int voters = 0;
        for (var warp : warps) {
            if (warp.state == Warp.State.AT_BARRIER) {
                var here = (Barrier) warp.instruction();
                if (barrier != null && barrier != here) {
                    throw warp.fault(Integer.numberOfTrailingZeros(warp.live),
                            "reached by warp " + warp.number + ", while others of its block wait at line "
                                    + barrier.line);
                }
                barrier = here;
                votes += here.votes(warp);
                voters += Integer.bitCount(warp.live);
            }
        }
        if (barrier == null) {
            return false;
        }
        if (races != null) {
            races.blockBarrier();
        }
        for (var warp : warps) {
            if (warp.state == Warp.State.AT_BARRIER) {
                barrier.pass(warp, votes, voters);
            }
        }
        return true;
    }

    /** Tells whoever wants to know of an access to memory, whose addresses stand in the warp's memory unit. */
    void observe(Warp warp, Instruction instruction, Space space, int lanes, int bytes, boolean write, boolean atomic) {
        if (space == Space.GLOBAL || space == Space.SHARED) {
            if (profile != null) {
                profile.access(warp, space, lanes, bytes, write);
            }
            if (races != null) {
                races.access(warp, instruction, space, lanes, bytes, write, atomic);
            }
        }
    }

    /** Values of the special registers that tell a block from others, by position in the file of words. */
    Map<Integer, Integer> placeOfBlock() {
        var grid = launch.grid();
        var values = new HashMap<Integer, Integer>();
        program.specials().forEach((name, position) -> {
            switch (name) {
                case "%ctaid.x" -> values.put(position, (int) (number % grid.blocksX()));
                case "%ctaid.y" -> values.put(position, (int) (number / grid.blocksX() % grid.blocksY()));
                case "%ctaid.z" -> values.put(position, (int) (number / grid.blocksX() / grid.blocksY()));
                default -> {
                }
            }
        });
        return values;
    }

    /** The value of any other special register in one lane. */
    int special(String name, int warp, int lane) {
        var grid = launch.grid();
        int thread = 32 * warp + lane;
        return switch (name) {
            case "%tid.x" -> thread % grid.threadsX();
            case "%tid.y" -> thread / grid.threadsX();
            case "%ntid.x" -> grid.threadsX();
            case "%ntid.y" -> grid.threadsY();
            case "%nctaid.x" -> grid.blocksX();
            case "%nctaid.y" -> grid.blocksY();
            case "%nctaid.z" -> grid.blocksZ();
            case "%laneid" -> lane;
            case "%warpid" -> warp;
            case "%nwarpid" -> warps.length;
            case "%lanemask_eq" -> 1 << lane;
            case "%lanemask_lt" -> (1 << lane) - 1;
            case "%lanemask_le" -> (1 << lane) - 1 | 1 << lane;
            case "%lanemask_gt" -> -2 << lane;
            case "%lanemask_ge" -> -1 << lane;
            case "%dynamic_smem_size" -> launch.sharedBytes();
            case "WARP_SZ" -> 32;
            case "%tid.z" -> 0;
            case "%ntid.z" -> 1;
            default -> 0;
        };
    }

    GpuFault fault(int thread, Instruction instruction, String message) {
        return new GpuFault(
                "kernel " + program.name() + ", " + place(number, thread) + ", PTX line " + instruction.line + " `"
                        + program.ptx().text(instruction.line) + "`: " + message);
    }

    /** A thread in words. */
    String place(long blockNumber, int thread) {
        var grid = launch.grid();
        return "block (" + blockNumber % grid.blocksX() + ", " + blockNumber / grid.blocksX() % grid.blocksY() + ", "
                + blockNumber / grid.blocksX() / grid.blocksY() + "), thread (" + thread % grid.threadsX() + ", "
                + thread / grid.threadsX() + ")";
    }
}
