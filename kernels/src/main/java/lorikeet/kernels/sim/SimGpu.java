package lorikeet.kernels.sim;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import lorikeet.kernels.OutOfDeviceMemoryException;
import lorikeet.kernels.Precision;
import lorikeet.kernels.cpu.CpuDevice;
import lorikeet.kernels.cuda.Gpu;
import lorikeet.kernels.cuda.Kernels;

/**
 * A GPU made of Java: executes PTX, the very text that a driver gets, with each access to memory checked. It is stricter
 * than a real one: fresh memory is NaN, work that was queued is done only when somebody waits for it, results of
 * {@code .approx} instructions are off by as much as NVIDIA allows, warps of a block run in an order that shows missing
 * barriers, and races are found if one asks for it.
 */
public final class SimGpu implements Gpu {
    /** In which order the warps of a block execute. */
    public enum Schedule {
        /** One instruction of each warp in turn. */
        LOCK_STEP,
        /** Each warp alone to its next barrier, in shuffled order: what a missing barrier leaves open goes wrong. */
        WARP_SERIAL
    }

    /**
     * @param seed    decides on the order of warps and on the errors of approximations
     * @param races   whether to look for races; blocks are then executed one after the other, and slowly
     * @param profile whether to count what kernels do
     * @param perturb whether {@code .approx} results are off
     * @param threads threads of this machine that execute blocks
     * @param capability the compute capability that it claims, by which host code chooses how cuBLAS multiplies
     */
    public record Options(Schedule schedule, long seed, boolean races, boolean profile, boolean perturb, int threads,
            int capability) {
        public static final Options DEFAULT = new Options(Schedule.WARP_SERIAL, 1, false, false, true,
                Runtime.getRuntime().availableProcessors(), 75);

        public Options withSchedule(Schedule other) {
            return new Options(other, seed, races, profile, perturb, threads, capability);
        }

        public Options withSeed(long other) {
            return new Options(schedule, other, races, profile, perturb, threads, capability);
        }

        public Options withRaces(boolean other) {
            return new Options(schedule, seed, other, profile, perturb, threads, capability);
        }

        public Options withProfile(boolean other) {
            return new Options(schedule, seed, races, other, perturb, threads, capability);
        }

        public Options withPerturb(boolean other) {
            return new Options(schedule, seed, races, profile, other, threads, capability);
        }

        public Options withThreads(int other) {
            return new Options(schedule, seed, races, profile, perturb, other, capability);
        }

        public Options withCapability(int other) {
            return new Options(schedule, seed, races, profile, perturb, threads, other);
        }
    }

    /** What a matrix product is called among {@link #launches}. */
    public static final String PRODUCT = "gemm";
    private static final long MEMORY_BYTES = 16L << 30;
    /** Uploads wait as copies, and freed memory until its turn; from so many bytes on the queue is worked off. */
    private static final long MAX_HELD_BYTES = 256L << 20;
    /** Of the scratch space of cuBLAS, in bytes. */
    private static final int WORKSPACE_ALIGNMENT = 256;
    /** More global variables than any module has need of. */
    private static final int MAX_GLOBAL_BYTES = 64 << 20;

    /** Parsed texts, for as long as somebody holds the text: the shipped ones are large, and devices many in tests. */
    private static final Map<String, Ptx> PARSED = Collections.synchronizedMap(new WeakHashMap<>());

    private final Options options;
    private final Properties properties;
    private final GlobalMemory memory;
    private final ExecutorService pool;
    private final CpuDevice host;
    private final Map<String, Module> modules = new HashMap<>();
    private final ArrayDeque<Runnable> queue = new ArrayDeque<>();
    private final Map<String, Profile> profiles = new LinkedHashMap<>();
    private final List<String> launches = new ArrayList<>();
    private long heldBytes;

    public SimGpu() {
        this(Options.DEFAULT);
    }

    public SimGpu(Options options) {
        this(options, MEMORY_BYTES);
    }

    SimGpu(Options options, long memoryBytes) {
        this.options = options;
        memory = new GlobalMemory(memoryBytes);
        // Shared memory as on Turing, the oldest that the PTX is compiled for and the one that has least of it.
        properties = new Properties("GPU made of Java", options.capability(), memoryBytes, 40, 48 << 10, 64 << 10);
        host = new CpuDevice(Precision.STRICT, options.threads());
        pool = Executors.newFixedThreadPool(Math.max(1, options.threads() - 1), Thread.ofPlatform().daemon().factory());
    }

    /** A loaded PTX text, where its variables lie, and the kernels that somebody has asked for. */
    private record Module(Ptx ptx, Map<String, Long> globals, Map<String, Program> kernels) {}

    @Override
    public String name() {
        return "sim";
    }

    @Override
    public Properties properties() {
        return properties;
    }

    @Override
    public long allocate(long bytes) {
        if (bytes < 1) {
            throw new IllegalArgumentException("a driver allocates at least one byte, not " + bytes);
        }
        try {
            return memory.allocate(bytes);
        } catch (OutOfDeviceMemoryException full) { // perhaps of what the queue is to free
            synchronise();
            return memory.allocate(bytes);
        }
    }

    @Override
    public void free(long address) {
        var allocation = memory.find(address);
        queue.add(() -> memory.free(address));
        hold(allocation == null ? 0 : allocation.bytes);
    }

    private void hold(long bytes) {
        heldBytes += bytes;
        if (heldBytes > MAX_HELD_BYTES) {
            synchronise();
        }
    }

    /** So that every allocation starts as NaN, is not longer than what was asked for, and is gone once it is freed. */
    @Override
    public boolean poolsMemory() {
        return false;
    }

    @Override
    public void upload(long address, MemorySegment source) {
        var copy = source.toArray(ValueLayout.JAVA_BYTE);
        queue.add(() -> memory.segment(address, copy.length, "upload").copyFrom(MemorySegment.ofArray(copy)));
        hold(copy.length);
    }

    /** Until the next {@link #synchronise} the target is NaN, whatever its type. */
    @Override
    public void download(MemorySegment target, long address) {
        target.fill((byte) 0xFF);
        queue.add(() -> target.copyFrom(memory.segment(address, target.byteSize(), "download")));
    }

    @Override
    public void fill(long address, int word, long count) {
        if (address % Integer.BYTES != 0) {
            throw new IllegalArgumentException("fill with words of " + memory.describe(address) + ": not aligned");
        }
        queue.add(() -> {
            var words = memory.segment(address, 4 * count, "fill");
            for (long i = 0; i < count; i++) {
                words.set(GlobalMemory.WORD, 4 * i, word);
            }
        });
    }

    /** @throws PtxException if the text is malformed, or the kernel holds what this interpreter does not know */
    @Override
    public Kernel load(String ptx, String kernelName) {
        var module = modules.computeIfAbsent(ptx, this::load);
        return module.kernels().computeIfAbsent(kernelName, _ -> {
            var kernel = module.ptx().functions().stream().filter(f -> f.entry() && f.name().equals(kernelName))
                    .findFirst()
                    .orElseThrow(() -> new IllegalArgumentException("the PTX module has no kernel " + kernelName));
            return Decoder.decode(module.ptx(), kernel, module.globals(), memory);
        });
    }

    private Module load(String text) {
        int needed = Kernels.capability(text);
        if (needed > properties.computeCapability()) {
            throw new IllegalArgumentException("the PTX module is for sm_" + needed + " and newer, this is sm_"
                    + properties.computeCapability());
        }
        var ptx = PARSED.computeIfAbsent(text, Parser::parse);
        var globals = new HashMap<String, Long>();
        long bytes = 0;
        for (var variable : ptx.variables()) {
            if (variable.space() != Space.SHARED) {
                bytes += variable.bytes();
                if (bytes > MAX_GLOBAL_BYTES) {
                    throw ptx.error(variable.line(), "more than " + MAX_GLOBAL_BYTES + " bytes of global variables");
                }
                long address = memory.allocate(variable.bytes());
                var content = variable.content() == null ? new byte[variable.bytes()] : variable.content();
                memory.segment(address, content.length, "load").copyFrom(MemorySegment.ofArray(content));
                globals.put(variable.name(), address);
            }
        }
        return new Module(ptx, globals, new HashMap<>());
    }

    @Override
    public void launch(Kernel kernel, Grid grid, int sharedBytes, Object... arguments) {
        var launch = Launch.of((Program) kernel, grid, sharedBytes, arguments, properties);
        log(kernel.name());
        var profile = options.profile() ? profiles.computeIfAbsent(kernel.name(), _ -> new Profile()) : null;
        queue.add(() -> launch.run(options, memory, pool, profile));
    }

    @Override
    public void gemm(Operand a, Operand b, Operand c, int m, int n, int k, float alpha, boolean add, int batch,
            boolean tf32) {
        // More exact than cuBLAS, which rounds operands to TF32 where it may.
        var gemm = new Gemm(a, b, c, m, n, k, alpha, add, batch);
        log(PRODUCT);
        queue.add(() -> gemm.run(memory, host.products()));
    }

    /** Needs none, but takes what cuBLAS takes. */
    @Override
    public void workspace(long address, long bytes) {
        memory.segment(address, bytes, "workspace");
        if (address % WORKSPACE_ALIGNMENT != 0) {
            throw new IllegalArgumentException("workspace at " + memory.describe(address) + ": not aligned to "
                    + WORKSPACE_ALIGNMENT + " bytes");
        }
    }

    /**
     * Does all that was queued, in order.
     *
     * @throws GpuFault if a kernel did something wrong; what was queued after it is dropped
     */
    @Override
    public void synchronise() {
        heldBytes = 0;
        try {
            while (!queue.isEmpty()) {
                queue.poll().run();
            }
        } finally {
            queue.clear();
        }
    }

    /** What the kernels launched since the last {@link #resetProfiles} did, in order of their first launch. */
    public List<KernelProfile> profiles() {
        synchronise();
        var results = new ArrayList<KernelProfile>();
        profiles.forEach((kernel, profile) -> results.add(profile.result(kernel)));
        return results;
    }

    private void log(String launch) {
        if (options.profile()) {
            launches.add(launch);
        }
    }

    /**
     * Names of what was launched since the last {@link #resetProfiles}, in order, if there are profiles at all; matrix products
     * are {@link #PRODUCT}.
     */
    public List<String> launches() {
        return List.copyOf(launches);
    }

    public void resetProfiles() {
        synchronise();
        profiles.clear();
        launches.clear();
    }

    @Override
    public void close() {
        queue.clear();
        pool.shutdown();
        host.close();
        memory.close();
    }
}
