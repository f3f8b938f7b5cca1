package lorikeet.kernels.cpu;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static lorikeet.kernels.CLibrary.call;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import lorikeet.kernels.CLibrary;

/**
 * The few functions of oneDNN's C interface (version 3) that matrix products need, called through
 * {@code java.lang.foreign}. Handles of its objects are plain longs.
 */
final class OneDnn {
    private static final int CPU = 1, DEFAULT_FLAGS = 1;
    /** Bits of instruction sets that multiply bf16 themselves. */
    private static final int AVX512_BF16 = 231, AMX = 4079;

    /** The one function that is not oneDNN's own, but of the OpenMP runtime that it comes with. */
    private static final String OMP_SET_THREADS = "omp_set_num_threads";

    private static final CLibrary LIBRARY;
    /** Why the library cannot be used, or null. */
    static final String PROBLEM;

    static {
        SymbolLookup library = null;
        String problem = null;
        if (Boolean.getBoolean("lorikeet.onednn.off")) {
            problem = "switched off by lorikeet.onednn.off";
        } else {
            try {
                library = Natives.oneDnn();
                if (library.find(OMP_SET_THREADS).isEmpty()) {
                    library = null;
                    problem = "its OpenMP runtime lacks " + OMP_SET_THREADS;
                }
            } catch (IOException | IllegalArgumentException | UnsatisfiedLinkError e) {
                problem = e.getMessage();
            }
        }
        LIBRARY = new CLibrary(library);
        PROBLEM = problem;
    }

    private static final MethodHandle ENGINE_CREATE = status("dnnl_engine_create", ADDRESS, JAVA_INT, JAVA_LONG);
    private static final MethodHandle ENGINE_DESTROY = status("dnnl_engine_destroy", JAVA_LONG);
    private static final MethodHandle STREAM_CREATE = status("dnnl_stream_create", ADDRESS, JAVA_LONG, JAVA_INT);
    private static final MethodHandle STREAM_DESTROY = status("dnnl_stream_destroy", JAVA_LONG);
    private static final MethodHandle EFFECTIVE_ISA = status("dnnl_get_effective_cpu_isa");
    private static final MethodHandle SET_THREADS =
            function(OMP_SET_THREADS, FunctionDescriptor.ofVoid(JAVA_INT));
    private static final MethodHandle SGEMM =
            status("dnnl_sgemm", JAVA_BYTE, JAVA_BYTE, JAVA_LONG, JAVA_LONG, JAVA_LONG,
                    JAVA_FLOAT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_FLOAT, JAVA_LONG, JAVA_LONG);

    /** Bits of the instruction sets that the library uses here. */
    private static final int INSTRUCTIONS =
            PROBLEM == null ? call(() -> (int) EFFECTIVE_ISA.invokeExact()) : 0;

    private OneDnn() {}

    /** A function that returns a status. */
    static MethodHandle status(String name, MemoryLayout... parameters) {
        return LIBRARY.status(name, parameters);
    }

    static MethodHandle function(String name, FunctionDescriptor descriptor) {
        return LIBRARY.function(name, descriptor);
    }

    static void check(int status, String what) {
        if (status != 0) {
            throw new IllegalStateException("oneDNN cannot " + what + ": status " + status);
        }
    }

    /** Calls a function that writes the handle of a new object to its first argument. */
    interface Creator {
        int create(MemorySegment result) throws Throwable;
    }

    static long create(String what, Creator creator) {
        try (var arena = Arena.ofConfined()) {
            var result = arena.allocate(JAVA_LONG);
            check(call(() -> creator.create(result)), "create " + what);
            return result.get(JAVA_LONG, 0);
        }
    }

    static long engine() {
        return create("an engine", r -> (int) ENGINE_CREATE.invokeExact(r, CPU, 0L));
    }

    static void freeEngine(long engine) {
        check(call(() -> (int) ENGINE_DESTROY.invokeExact(engine)), "free an engine");
    }

    static long stream(long engine) {
        return create("a stream", r -> (int) STREAM_CREATE.invokeExact(r, engine, DEFAULT_FLAGS));
    }

    static void freeStream(long stream) {
        check(call(() -> (int) STREAM_DESTROY.invokeExact(stream)), "free a stream");
    }

    /** Whether the processor multiplies bf16 in hardware. */
    static boolean hasBf16() {
        return has(AVX512_BF16);
    }

    static boolean hasAmx() {
        return has(AMX);
    }

    private static boolean has(int instructions) {
        return (INSTRUCTIONS & instructions) == instructions;
    }

    /** From here on, products made or run by the calling thread use it alone: {@link Parallel} spreads the work. */
    static void useThisThreadOnly() {
        call(() -> {
            SET_THREADS.invokeExact(1);
            return null;
        });
    }

    /**
     * c = alpha · a b + beta · c for F32, in the calling thread. Leading dimensions are in elements; a transposed operand
     * is stored the other way round.
     */
    static void sgemm(boolean transposeA, boolean transposeB, long m, long n, long k, float alpha, long a,
            long aLeading,
            long b, long bLeading, float beta, long c, long cLeading) {
        try {
            int status =
                    (int) SGEMM.invokeExact((byte) (transposeA ? 'T' : 'N'), (byte) (transposeB ? 'T' : 'N'), m, n, k,
                            alpha, a, aLeading, b, bLeading, beta, c, cLeading);
            check(status, "multiply");
        } catch (Throwable e) {
            throw CLibrary.unexpected(e);
        }
    }
}
