package lorikeet.kernels.cuda;

import java.lang.foreign.MemorySegment;
import lorikeet.kernels.DType;

/**
 * The seam between CUDA host code and the driver: what {@code CudaDevice} needs of a GPU. Real ones are reached through
 * JCuda, the one made of Java interprets the same PTX. Work is queued on one stream in the order of the calls; only
 * {@link #synchronise} waits. Addresses are the GPU's own.
 */
public interface Gpu extends AutoCloseable {

    /** As on the command line, {@code cuda:0} or {@code sim}. */
    String name();

    Properties properties();

    /**
     * What a GPU is and allows.
     *
     * @param model                     its name for people
     * @param computeCapability         ten times the major version plus the minor: 75, 80, 86, 89, 90
     * @param memoryBytes               global memory
     * @param processors                streaming multiprocessors
     * @param sharedBytesPerBlock       shared memory that a block gets without asking: 49,152
     * @param sharedBytesPerBlockOptin  shared memory that a block may opt into
     */
    record Properties(String model, int computeCapability, long memoryBytes, int processors, int sharedBytesPerBlock,
            int sharedBytesPerBlockOptin) {

        /** Whether cuBLAS multiplies TF32 and bf16: from Ampere on. */
        boolean hasTf32() {
            return computeCapability >= 80;
        }
    }

    /** At least one byte of global memory with undefined content, aligned to 256 bytes. */
    long allocate(long bytes);

    void free(long address);

    /** Whether freed memory is worth keeping for the next allocation of its size. One that checks memory wants it back. */
    default boolean poolsMemory() {
        return true;
    }

    /** Queues a copy to the GPU; {@code source} may be reused as soon as this returns. */
    void upload(long address, MemorySegment source);

    /** Queues a copy to the host; {@code target} holds the bytes after the next {@link #synchronise}. */
    void download(MemorySegment target, long address);

    /** Queues filling {@code count} 32-bit words with {@code word}. */
    void fill(long address, int word, long count);

    /** Loads a PTX module; its kernels are then known by name. */
    Kernel load(String ptx, String kernelName);

    /** A kernel of a loaded module. */
    interface Kernel {
        String name();
    }

    /** Number of blocks in x, y, z and threads per block in x, y. */
    record Grid(int blocksX, int blocksY, int blocksZ, int threadsX, int threadsY) {}

    /**
     * Queues a launch. Arguments are {@code Long} (64-bit parameters, addresses among them), {@code Integer} and
     * {@code Float}; count and size of each are checked against the kernel's {@code .param} list.
     *
     * @param sharedBytes dynamic shared memory per block; if it passes {@code sharedBytesPerBlock} together with the kernel's
     *                    own, the launch opts in
     */
    void launch(Kernel kernel, Grid grid, int sharedBytes, Object... arguments);

    /** An operand of a matrix product in cuBLAS's view: column-major, {@code leading} elements from column to column. */
    record Operand(long address, DType dtype, boolean transposed, int leading, long batchStride) {}

    /**
     * Queues c (+)= alpha · op(a) op(b) in column-major order, {@code batch} times: op(a) is m × k, op(b) k × n, c m × n,
     * F32. Operands of F32 may be rounded to TF32 if {@code tf32}; those of BF16 are multiplied as they are, with 32-bit
     * sums. Both operands have the same type, as in cuBLAS, and share no number with c.
     */
    void gemm(Operand a, Operand b, Operand c, int m, int n, int k, float alpha, boolean add, int batch,
            boolean tf32);

    /**
     * Gives matrix products scratch space, aligned to 256 bytes, once, before the first of them. A GPU that needs none ignores
     * it.
     */
    default void workspace(long address, long bytes) {}

    /** Waits until all queued work is done; an error of any of it is thrown here at the latest. */
    void synchronise();

    @Override
    void close();
}
