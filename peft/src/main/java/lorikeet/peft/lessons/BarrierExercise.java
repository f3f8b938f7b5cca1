package lorikeet.peft.lessons;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.stream.Stream;
import lorikeet.engine.Shape;
import lorikeet.engine.Tensor;
import lorikeet.kernels.Precision;
import lorikeet.kernels.cuda.CudaDevice;
import lorikeet.kernels.cuda.Gpu;
import lorikeet.kernels.sim.Barriers;
import lorikeet.kernels.sim.GpuFault;
import lorikeet.kernels.sim.KernelProfile;
import lorikeet.kernels.sim.PtxException;
import lorikeet.kernels.sim.SimGpu;

/** Lesson 9: a softmax kernel whose barriers the student puts in, on the simulated GPU. */
final class BarrierExercise implements Exercise {
    private static final int ROWS = 4, COLUMNS = 128, THREADS = 64;
    private static final String KERNEL = "softmax";

    @Override
    public String title() {
        return "A CUDA kernel";
    }

    @Override
    public String file() {
        return name() + ".ptx";
    }

    @Override
    public String check(Path file) throws IOException {
        var ptx = new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
        var x = Rows.random(new Random(9), ROWS, COLUMNS);
        var y = run(ptx, x, SimGpu.Options.DEFAULT.withRaces(true));
        Expectation.of("The kernel's softmax", softmax(x)).check(y);
        for (int barrier = 0; barrier < Barriers.count(ptx); barrier++) {
            requireNeeded(ptx, barrier, x);
        }
        var counts = "%-24s %18s %14s %14s%n";
        return "Right, free of races, and every barrier is needed. What it does with %d rows of %d numbers:%n%n"
                .formatted(ROWS, COLUMNS)
                + counts.formatted("", "warp instructions", "sectors read", "shared passes")
                + line(counts, "your kernel", profile(ptx, x))
                + line(counts, "Lorikeet's softmax", shipped(x)).stripTrailing();
    }

    private static String line(String format, String name, KernelProfile profile) {
        return format.formatted(name, "%,d".formatted(profile.warpInstructions()),
                "%,d".formatted(profile.loads().sectors()), "%,d".formatted(profile.sharedPasses()));
    }

    private static double[][] softmax(double[][] x) {
        return Stream.of(x).map(row -> {
            var exps = Rows.map(Rows.of(row), Math::exp);
            return Rows.times(exps, 1 / Rows.dot(exps, Rows.map(exps, _ -> 1)))[0];
        }).toArray(double[][]::new);
    }

    private static void requireNeeded(String ptx, int barrier, double[][] x) {
        try {
            run(Barriers.without(ptx, barrier), x, SimGpu.Options.DEFAULT.withRaces(true));
        } catch (Mistake _) {
            return;
        }
        throw new Mistake(
                "It is right, but barrier number %d of %d is superfluous: without it nothing races either. Take it out."
                        .formatted(barrier + 1, Barriers.count(ptx)));
    }

    private static double[][] run(String ptx, double[][] x, SimGpu.Options options) {
        try (var gpu = new SimGpu(options.withThreads(1))) {
            return launch(gpu, ptx, x);
        } catch (PtxException | IllegalArgumentException e) {
            throw new Mistake(e.getMessage());
        } catch (GpuFault e) {
            throw new Mistake(e.getMessage() + hint(e.getMessage()));
        }
    }

    private static String hint(String fault) {
        return fault.contains("race")
                ? "\nLikely cause: a barrier is missing between these two lines. One thread may still be before the first "
                        + "while another is at the second already."
                : fault.contains("barrier")
                        ? "\nLikely cause: the barrier stands where only some of the threads come by; all must."
                        : "";
    }

    private static double[][] launch(SimGpu gpu, String ptx, double[][] x) {
        var source = MemorySegment.ofArray(Rows.floats(Rows.flat(x)));
        long input = gpu.allocate(source.byteSize());
        long output = gpu.allocate(source.byteSize());
        gpu.upload(input, source);
        gpu.launch(gpu.load(ptx, KERNEL), new Gpu.Grid(ROWS, 1, 1, THREADS, 1), 0, output, input, COLUMNS);
        var y = new float[ROWS * COLUMNS];
        gpu.download(MemorySegment.ofArray(y), output);
        gpu.synchronise();
        return Rows.split(Rows.doubles(y), COLUMNS);
    }

    private static KernelProfile profile(String ptx, double[][] x) {
        try (var gpu = new SimGpu(SimGpu.Options.DEFAULT.withProfile(true).withThreads(1))) {
            launch(gpu, ptx, x);
            return gpu.profiles().getFirst();
        }
    }

    private static KernelProfile shipped(double[][] x) {
        var gpu = new SimGpu(SimGpu.Options.DEFAULT.withProfile(true).withThreads(1));
        try (var device = new CudaDevice(gpu, Precision.STRICT); var _ = device.memory().scope()) {
            var input = Tensor.of(device, Shape.of(ROWS, COLUMNS), Rows.floats(Rows.flat(x)));
            gpu.resetProfiles();
            input.softmax();
            return gpu.profiles().getFirst();
        }
    }
}
