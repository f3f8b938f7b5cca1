package lorikeet.kernels.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static lorikeet.kernels.CLibrary.call;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import lorikeet.kernels.CLibrary;
import lorikeet.kernels.DType;
import lorikeet.kernels.cuda.Gpu.Operand;

/**
 * The few functions of cuBLAS that matrix products need, called through {@code java.lang.foreign}: they are the same in
 * CUDA 12 and 13, while JCuda's binding loads only the former's library. One of these belongs to one stream.
 */
final class Cublas implements AutoCloseable {
    /** The CUDA versions whose cuBLAS has what is called here. */
    private static final int OLDEST = 12, NEWEST = 13;
    private static final boolean WINDOWS = System.getProperty("os.name").startsWith("Windows");
    private static final CLibrary LIBRARY = new CLibrary(open());
    /** Why cuBLAS cannot be called here, or null if it can. */
    static final String PROBLEM = LIBRARY.symbols() == null ? problem() : null;

    // From cublas_api.h and library_types.h.
    private static final int OP_N = 0, OP_T = 1;
    private static final int R_32F = 0, R_16BF = 14;
    private static final int COMPUTE_32F = 68, COMPUTE_32F_FAST_TF32 = 77;
    private static final int GEMM_DEFAULT = -1;

    private static final MethodHandle CREATE = LIBRARY.status("cublasCreate_v2", ADDRESS);
    private static final MethodHandle DESTROY = LIBRARY.status("cublasDestroy_v2", JAVA_LONG);
    private static final MethodHandle SET_STREAM = LIBRARY.status("cublasSetStream_v2", JAVA_LONG, JAVA_LONG);
    private static final MethodHandle SET_WORKSPACE =
            LIBRARY.status("cublasSetWorkspace_v2", JAVA_LONG, JAVA_LONG, JAVA_LONG);
    /** Handle; operations; m, n, k; α; a, its type and leading dimension; b likewise; β; c likewise; compute type, algorithm. */
    private static final MethodHandle GEMM = LIBRARY.status("cublasGemmEx", JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT,
            JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_LONG,
            JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT);
    /** The same with a stride from one matrix to the next behind each leading dimension, and their number. */
    private static final MethodHandle GEMM_BATCH = LIBRARY.status("cublasGemmStridedBatchedEx", JAVA_LONG, JAVA_INT,
            JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG,
            JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT,
            JAVA_INT);
    private static final MethodHandle STATUS_NAME =
            LIBRARY.function("cublasGetStatusName", FunctionDescriptor.of(ADDRESS, JAVA_INT));

    private final long handle;
    private final Arena arena = Arena.ofShared();
    /** α and β of a product. */
    private final MemorySegment factors = arena.allocate(8, 8);

    // ---- the library -------------------------------------------------------------------------------------------------

    /** The newest that the driver can serve: where the system looks for libraries, or else where CUDA is usually installed. */
    private static SymbolLookup open() {
        int newest = Math.min(NEWEST, JCudaLibraries.Driver.CUDA_VERSION / 1000);
        for (int version = newest; version >= OLDEST; version--) {
            var names = WINDOWS
                    ? List.of("cublasLt64_" + version + ".dll", "cublas64_" + version + ".dll")
                    : List.of("libcublasLt.so." + version, "libcublas.so." + version);
            var found = open(names);
            if (found.isPresent()) {
                return found.get();
            }
            for (var folder : cudaFolders()) {
                found = open(names.stream().map(name -> folder.resolve(name).toString()).toList());
                if (found.isPresent()) {
                    return found.get();
                }
            }
        }
        return null;
    }

    /** Opens one after the other, since cuBLAS needs its lower half, and gives the last. */
    private static Optional<SymbolLookup> open(List<String> libraries) {
        try {
            return libraries.stream().map(name -> SymbolLookup.libraryLookup(name, Arena.global()))
                    .reduce((_, last) -> last);
        } catch (IllegalArgumentException _) {
            return Optional.empty();
        }
    }

    private static List<Path> cudaFolders() {
        var roots = new ArrayList<Path>();
        // Windows has CUDA_PATH, and CUDA_PATH_V12_6 and so on for each CUDA that is installed.
        System.getenv().forEach((name, root) -> {
            if ((name.equals("CUDA_HOME") || name.startsWith("CUDA_PATH")) && !root.isBlank()) {
                roots.add(Path.of(root));
            }
        });
        try (var installed = Files.newDirectoryStream(Path.of("/usr/local"), "cuda*")) {
            installed.forEach(roots::add);
        } catch (IOException _) {
            // No such folder, as on Windows: then CUDA_PATH alone tells.
        }
        var inside = WINDOWS ? List.of("bin", "bin/x64") : List.of("lib64");
        return roots.stream().flatMap(root -> inside.stream().map(root::resolve)).filter(Files::isDirectory).toList();
    }

    private static String problem() {
        int newest = Math.min(NEWEST, JCudaLibraries.Driver.CUDA_VERSION / 1000);
        var versions = String.join(" or ", IntStream.rangeClosed(OLDEST, newest).mapToObj(Integer::toString).toList());
        return WINDOWS
                ? "no cuBLAS: the system cannot load cublas64_" + newest + ".dll; install the CUDA toolkit " + versions
                : "no cuBLAS: the system cannot load libcublas.so." + newest + " and libcublasLt.so." + newest
                        + "; install them from CUDA " + versions + " and name their folder in LD_LIBRARY_PATH";
    }

    // ---- products ----------------------------------------------------------------------------------------------------

    /**
     * For products that are queued on {@code stream}, in the context that is current.
     *
     * @throws CudaException if cuBLAS refuses
     */
    Cublas(long stream) {
        var created = arena.allocate(JAVA_LONG);
        check("cublasCreate", () -> (int) CREATE.invokeExact(created));
        handle = created.get(JAVA_LONG, 0);
        check("cublasSetStream", () -> (int) SET_STREAM.invokeExact(handle, stream));
    }

    /** Scratch space on the GPU, which products use from here on. */
    void workspace(long address, long bytes) {
        check("cublasSetWorkspace", () -> (int) SET_WORKSPACE.invokeExact(handle, address, bytes));
    }

    /**
     * Queues c (+)= alpha · op(a) op(b), as {@link Gpu#gemm} says.
     *
     * @param tf32 whether F32 operands may be rounded to TF32
     */
    void gemm(Operand a, Operand b, Operand c, int m, int n, int k, float alpha, boolean add, int batch, boolean tf32) {
        factors.set(JAVA_FLOAT, 0, alpha);
        factors.set(JAVA_FLOAT, 4, add ? 1 : 0);
        long alphaAddress = factors.address(), betaAddress = alphaAddress + 4;
        int compute = tf32 && a.dtype() == DType.F32 ? COMPUTE_32F_FAST_TF32 : COMPUTE_32F;
        if (batch == 1) {
            check("cublasGemmEx", () -> (int) GEMM.invokeExact(handle, operation(a), operation(b), m, n, k,
                    alphaAddress, a.address(), type(a), a.leading(), b.address(), type(b), b.leading(), betaAddress,
                    c.address(), type(c), c.leading(), compute, GEMM_DEFAULT));
        } else {
            check("cublasGemmStridedBatchedEx", () -> (int) GEMM_BATCH.invokeExact(handle, operation(a), operation(b),
                    m, n, k, alphaAddress, a.address(), type(a), a.leading(), a.batchStride(), b.address(), type(b),
                    b.leading(), b.batchStride(), betaAddress, c.address(), type(c), c.leading(), c.batchStride(),
                    batch, compute, GEMM_DEFAULT));
        }
    }

    private static int operation(Operand x) {
        return x.transposed() ? OP_T : OP_N;
    }

    private static int type(Operand x) {
        return x.dtype() == DType.BF16 ? R_16BF : R_32F;
    }

    /** After a fault of the GPU there may be nothing to destroy any more; that is no news then. */
    @Override
    public void close() {
        call(() -> (int) DESTROY.invokeExact(handle));
        arena.close();
    }

    private static void check(String name, CLibrary.Call<Integer> call) {
        int status = call(call);
        if (status != 0) {
            throw new CudaException(name + " failed: " + statusName(status));
        }
    }

    private static String statusName(int status) {
        var name = call(() -> (MemorySegment) STATUS_NAME.invokeExact(status));
        return name.reinterpret(Long.MAX_VALUE).getString(0);
    }
}
