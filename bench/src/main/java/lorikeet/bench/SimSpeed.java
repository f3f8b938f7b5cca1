package lorikeet.bench;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import lorikeet.engine.AdamWOptimizer;
import lorikeet.engine.Schedule;
import lorikeet.kernels.DType;
import lorikeet.kernels.Precision;
import lorikeet.kernels.cuda.CudaDevice;
import lorikeet.kernels.cuda.Gpu;
import lorikeet.kernels.sim.KernelProfile;
import lorikeet.kernels.sim.SimGpu;
import lorikeet.model.BundledBase;
import lorikeet.model.Dropouts;
import lorikeet.model.ModelFolder;
import lorikeet.model.Training;
import lorikeet.model.data.Batch;
import lorikeet.model.data.Example;
import lorikeet.peft.Lora;
import lorikeet.peft.Targets;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * How fast the GPU made of Java executes, kernel by kernel, in LoRA steps on the bundled base. Instructions are counted in
 * one run and timed in another, without counting.
 */
@Command(name = "sim", mixinStandardHelpOptions = true, showDefaultValues = true,
        description = "Instructions per second of the GPU made of Java, in training steps of LoRA on the bundled base.")
final class SimSpeed implements Callable<Integer> {
    private static final int SEQUENCES = 32;
    private static final int LENGTH = 20;

    @Option(names = "--steps", defaultValue = "3", paramLabel = "N", description = "Steps timed, after one to warm up.")
    private int steps;

    @Option(names = "--threads", defaultValue = "2", paramLabel = "N", description = "Threads that execute blocks.")
    private int threads;

    @Override
    public Integer call() throws IOException {
        var options = SimGpu.Options.DEFAULT.withThreads(threads);
        var counting = new SimGpu(options.withProfile(true));
        var counted = new LinkedHashMap<String, KernelProfile>();
        train(counting, 1, () -> counting.profiles().forEach(profile -> counted.put(profile.kernel(), profile)));
        var clock = new Clock(new SimGpu(options));
        train(clock, 1 + steps, () -> {});
        print(counted, clock.seconds);
        return 0;
    }

    /** Trains for some steps, tells the clock when the first of several is done, and runs {@code end} before closing. */
    private static void train(Gpu gpu, int steps, Runnable end) throws IOException {
        try (var device = new CudaDevice(gpu, Precision.STRICT);
                var decoder = ModelFolder.open(BundledBase.folder()).load(device, DType.F32, Dropouts.NONE)) {
            device.synchronise();
            var adapter = new Lora(4, 8, Targets.of("all-linear")).attach(decoder, 1);
            var group = new AdamWOptimizer.Group(List.copyOf(adapter.parameters().values()), 0.01f, 1);
            try (var optimizer = new AdamWOptimizer(List.of(group), AdamWOptimizer.Settings.DEFAULT)) {
                var training = new Training(steps, 1, 1e-3f, new Schedule(Schedule.Kind.CONSTANT, 0, steps), 1, 1,
                        false);
                training.run(decoder, optimizer, _ -> batch(decoder.shape().vocabulary()), 0, step -> {
                    if (gpu instanceof Clock clock && step.step() == 1) {
                        clock.seconds.clear();
                    }
                    return true;
                });
            }
            end.run();
            adapter.detach();
        }
    }

    private static Batch batch(int vocabulary) {
        var random = new Random(1);
        var examples = new ArrayList<Example>();
        for (int i = 0; i < SEQUENCES; i++) {
            var ids = random.ints(LENGTH, 0, vocabulary).toArray();
            examples.add(new Example(ids, ids));
        }
        return Batch.of(examples);
    }

    private static void print(Map<String, KernelProfile> counted, Map<String, List<Double>> seconds) {
        double allInstructions = 0, allSeconds = 0;
        System.out.printf("%-32s %8s %12s %10s %12s%n", "kernel", "launches", "10⁶ instr.", "ms", "10⁶ instr./s");
        for (var profile : counted.values()) {
            if (!seconds.containsKey(profile.kernel())) {
                continue;
            }
            var times = seconds.get(profile.kernel());
            double perLaunch = (double) profile.laneInstructions() / profile.launches();
            double time = times.stream().mapToDouble(x -> x).sum();
            line(profile.kernel(), times.size(), perLaunch * times.size(), time);
            allInstructions += perLaunch * times.size();
            allSeconds += time;
        }
        line("all kernels", seconds.values().stream().mapToInt(List::size).sum(), allInstructions, allSeconds);
    }

    private static void line(String name, int launches, double instructions, double seconds) {
        System.out.printf(Locale.ROOT, "%-32s %8d %12.1f %10.1f %12.1f%n", name, launches, instructions / 1e6,
                seconds * 1e3, instructions / seconds / 1e6);
    }

    /** Waits for each launch and notes how long it took. */
    private static final class Clock implements Gpu {
        final Map<String, List<Double>> seconds = new HashMap<>();
        private final SimGpu gpu;

        Clock(SimGpu gpu) {
            this.gpu = gpu;
        }

        @Override
        public void launch(Kernel kernel, Grid grid, int sharedBytes, Object... arguments) {
            gpu.synchronise();
            long start = System.nanoTime();
            gpu.launch(kernel, grid, sharedBytes, arguments);
            gpu.synchronise();
            seconds.computeIfAbsent(kernel.name(), _ -> new ArrayList<>()).add((System.nanoTime() - start) * 1e-9);
        }

        @Override
        public String name() {
            return gpu.name();
        }

        @Override
        public Properties properties() {
            return gpu.properties();
        }

        @Override
        public long allocate(long bytes) {
            return gpu.allocate(bytes);
        }

        @Override
        public void free(long address) {
            gpu.free(address);
        }

        @Override
        public void upload(long address, MemorySegment source) {
            gpu.upload(address, source);
        }

        @Override
        public void download(MemorySegment target, long address) {
            gpu.download(target, address);
        }

        @Override
        public void fill(long address, int word, long count) {
            gpu.fill(address, word, count);
        }

        @Override
        public Kernel load(String ptx, String kernelName) {
            return gpu.load(ptx, kernelName);
        }

        @Override
        public void gemm(Operand a, Operand b, Operand c, int m, int n, int k, float alpha, boolean add, int batch,
                boolean tf32) {
            gpu.gemm(a, b, c, m, n, k, alpha, add, batch, tf32);
        }

        @Override
        public void synchronise() {
            gpu.synchronise();
        }

        @Override
        public void close() {
            gpu.close();
        }
    }
}
