package lorikeet.kernels.sim;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import lorikeet.kernels.cuda.Gpu;

/**
 * A kernel with its grid and arguments, checked against what the kernel declares and a device allows.
 *
 * @param arguments the content of the kernel's parameters
 */
record Launch(Program program, Gpu.Grid grid, int sharedBytes, byte[] arguments) {
    private static final int MAX_THREADS = 1024;
    private static final int MAX_BLOCKS_Y_Z = 65_535;

    static Launch of(Program program, Gpu.Grid grid, int sharedBytes, Object[] arguments, Gpu.Properties device) {
        var launch = new Launch(program, grid, sharedBytes, pack(program, arguments));
        launch.checkGrid();
        launch.checkShared(device);
        return launch;
    }

    int threads() {
        return grid.threadsX() * grid.threadsY();
    }

    private long blocks() {
        return (long) grid.blocksX() * grid.blocksY() * grid.blocksZ();
    }

    private static byte[] pack(Program program, Object[] arguments) {
        var parameters = program.parameters();
        if (arguments.length != parameters.size()) {
            throw refused(program, "takes " + parameters.size() + " arguments, got " + arguments.length);
        }
        var bytes = ByteBuffer.allocate(program.parameterBytes()).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < arguments.length; i++) {
            var parameter = parameters.get(i);
            int at = program.parameterOffsets()[i];
            var type = parameter.type();
            boolean one = parameter.bytes() == type.bytes;
            boolean suits = one && switch (arguments[i]) {
                case Long _ -> type.bytes == 8 && !type.isFloat();
                case Integer _ -> type.bytes == 4 && !type.isFloat();
                case Float _ -> type == Type.F32 || type == Type.B32;
                case null, default -> false;
            };
            if (!suits) {
                var given = arguments[i] == null ? "null" : arguments[i].getClass().getSimpleName();
                throw refused(program, "argument " + i + " is declared as " + type
                        + (one ? "" : " of " + parameter.bytes() + " bytes") + ", got " + given + " " + arguments[i]);
            }
            switch (arguments[i]) {
                case Long value -> bytes.putLong(at, value);
                case Float value -> bytes.putFloat(at, value);
                default -> bytes.putInt(at, (Integer) arguments[i]);
            }
        }
        return bytes.array();
    }

    private void checkGrid() {
        if (grid.blocksX() < 1 || grid.blocksY() < 1 || grid.blocksZ() < 1 || grid.threadsX() < 1
                || grid.threadsY() < 1) {
            throw refused(program, "every dimension must be at least 1: " + grid);
        }
        if ((long) grid.threadsX() * grid.threadsY() > MAX_THREADS) {
            throw refused(program, "more than " + MAX_THREADS + " threads in a block: " + grid);
        }
        if (grid.blocksY() > MAX_BLOCKS_Y_Z || grid.blocksZ() > MAX_BLOCKS_Y_Z) {
            throw refused(program, "more than " + MAX_BLOCKS_Y_Z + " blocks in y or z: " + grid);
        }
        var function = program.function();
        if (function.maxThreads() > 0 && threads() > function.maxThreads()) {
            throw refused(program, "compiled for at most " + function.maxThreads() + " threads a block: " + grid);
        }
        int[] required = function.requiredThreads();
        if (required != null
                && (grid.threadsX() != required[0] || grid.threadsY() != required[1] || required[2] != 1)) {
            throw refused(program, "compiled for blocks of " + required[0] + " × " + required[1] + " × " + required[2]
                    + " threads: " + grid);
        }
    }

    private void checkShared(Gpu.Properties device) {
        int fixed = program.staticSharedBytes();
        if (fixed > device.sharedBytesPerBlock()) {
            throw refused(program,
                    fixed + " bytes of static shared memory, the device has " + device.sharedBytesPerBlock());
        }
        if (sharedBytes < 0 || sharedBytes > device.sharedBytesPerBlockOptin() - fixed) {
            throw refused(program, sharedBytes + " bytes of dynamic shared memory beside " + fixed
                    + " of static, the device has " + device.sharedBytesPerBlockOptin());
        }
    }

    private static IllegalArgumentException refused(Program program, String why) {
        return new IllegalArgumentException("launch of kernel " + program.name() + ": " + why);
    }

    /** Executes all blocks, on several threads unless races are looked for, and adds what it saw to {@code profile}. */
    void run(SimGpu.Options options, GlobalMemory memory, ExecutorService pool, Profile profile) {
        memory.segment(program.parameterAddress(), arguments.length, "arguments")
                .copyFrom(MemorySegment.ofArray(arguments));
        int count = (int) Math.min(blocks(), options.races() ? 1 : options.threads());
        var nextBlock = new AtomicLong();
        var workers =
                Stream.generate(() -> new Worker(options, memory, nextBlock, profile == null ? null : new Profile()))
                        .limit(count).toList();
        var others = new ArrayList<CompletableFuture<Void>>();
        try {
            workers.stream().skip(1).forEach(worker -> others.add(CompletableFuture.runAsync(worker, pool)));
            workers.getFirst().run();
        } finally { // nobody may go on once the caller frees memory; an interrupt does not end the waiting
            others.forEach(CompletableFuture::join);
        }
        // Blocks start in order, so the first that fails is always among those that were executed.
        workers.stream().filter(worker -> worker.failure != null).min(Comparator.comparingLong(worker -> worker.number))
                .ifPresent(worker -> {
                    throw worker.failure;
                });
        if (profile != null) {
            profile.launches++;
            workers.forEach(worker -> profile.add(worker.profile));
            profile.settle();
        }
    }

    /** Executes one block after the other until none is left; its failure leaves none to the others. */
    private final class Worker implements Runnable {
        final Profile profile;
        /** The block it executes, and why that broke off. */
        long number;
        RuntimeException failure;
        private final SimGpu.Options options;
        private final GlobalMemory memory;
        private final AtomicLong nextBlock;

        Worker(SimGpu.Options options, GlobalMemory memory, AtomicLong nextBlock, Profile profile) {
            this.options = options;
            this.memory = memory;
            this.nextBlock = nextBlock;
            this.profile = profile;
        }

        @Override
        public void run() {
            try (var arena = Arena.ofConfined()) {
                var block = new Block(Launch.this, options, memory, profile,
                        options.races() ? new RaceDetector() : null, arena);
                for (number = nextBlock.getAndIncrement(); number < blocks(); number = nextBlock.getAndIncrement()) {
                    block.run(number);
                }
            } catch (Throwable broken) {
                failure = broken instanceof RuntimeException known
                        ? known
                        : new IllegalStateException("a thread that executes blocks broke down", broken);
                nextBlock.set(Long.MAX_VALUE / 2);
            }
        }
    }
}
