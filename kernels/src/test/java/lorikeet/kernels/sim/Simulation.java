package lorikeet.kernels.sim;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import lorikeet.kernels.cuda.Gpu;

/** A simulated GPU for tests, with arrays instead of addresses. */
final class Simulation implements AutoCloseable {
    static final SimGpu.Options EXACT = SimGpu.Options.DEFAULT.withPerturb(false).withThreads(2);

    final SimGpu gpu;

    Simulation(SimGpu.Options options) {
        gpu = new SimGpu(options);
    }

    static String resource(String name) {
        try (var stream = Simulation.class.getResourceAsStream(name)) {
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException unreadable) {
            throw new UncheckedIOException(unreadable);
        }
    }

    /** A module with one kernel {@code k} of these parameters and this body, with registers of all kinds declared. */
    static String kernel(String parameters, String body) {
        return """
                .version 7.8
                .target sm_75
                .address_size 64
                .visible .entry k(%s)
                {
                .reg .pred %%p<10>; .reg .b16 %%h<10>; .reg .b32 %%r<20>; .reg .b64 %%d<20>; .reg .f32 %%f<10>; .reg .f64 %%g<10>;
                %s
                }
                """.formatted(parameters, body);
    }

    static Gpu.Grid grid(int blocks, int threads) {
        return new Gpu.Grid(blocks, 1, 1, threads, 1);
    }

    long upload(MemorySegment content) {
        long address = gpu.allocate(Math.max(1, content.byteSize()));
        gpu.upload(address, content);
        return address;
    }

    long upload(float... content) {
        return upload(MemorySegment.ofArray(content));
    }

    long upload(int... content) {
        return upload(MemorySegment.ofArray(content));
    }

    long upload(long... content) {
        return upload(MemorySegment.ofArray(content));
    }

    float[] floats(long address, int count) {
        var content = new float[count];
        gpu.download(MemorySegment.ofArray(content), address);
        gpu.synchronise();
        return content;
    }

    int[] ints(long address, int count) {
        var content = new int[count];
        gpu.download(MemorySegment.ofArray(content), address);
        gpu.synchronise();
        return content;
    }

    long[] longs(long address, int count) {
        var content = new long[count];
        gpu.download(MemorySegment.ofArray(content), address);
        gpu.synchronise();
        return content;
    }

    /** Launches kernel {@code k} of a text and waits for it. */
    void run(String ptx, Gpu.Grid grid, Object... arguments) {
        gpu.launch(gpu.load(ptx, "k"), grid, 0, arguments);
        gpu.synchronise();
    }

    @Override
    public void close() {
        gpu.close();
    }
}
