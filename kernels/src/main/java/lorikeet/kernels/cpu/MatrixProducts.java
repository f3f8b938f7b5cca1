package lorikeet.kernels.cpu;

import lorikeet.kernels.DType;
import lorikeet.kernels.Matrix;

/**
 * What computes c (+)= alpha · a b: oneDNN, or loops of our own. Operands are addresses with strides in elements, of which
 * one is 1; both have the same type, and c is F32 with columns side by side.
 */
public interface MatrixProducts {

    /** An operand: element (i, j) of matrix number t is {@code t · batch + i · row + j · column} elements from address. */
    record Operand(long address, DType type, long row, long column, long batch) {
        long at(long t, long i, long j) {
            return address + type.bytes() * (t * batch + i * row + j * column);
        }
    }

    /** Spreads the work over all threads. {@code bias} is the address of a row to be added to each row of c, or 0. */
    void multiply(Operand c, Operand a, Operand b, int m, int n, int k, int batch, float alpha, boolean add, long bias);

    /**
     * One small product of F32 in the calling thread, which is {@code worker}: part of a larger verb.
     *
     * @param scratch space of {@link #tileScratch} floats
     */
    void tile(int worker, long c, long cRow, long a, long aRow, long aColumn, long b, long bRow, long bColumn, int m,
            int n,
            int k, float alpha, boolean add, long scratch);

    /** Floats of scratch space that {@link #tile} needs for a k up to {@code k}. */
    long tileScratch(int k);

    /** Whether operands may be bf16. */
    boolean takesBf16();

    /** Whether {@link #multiplyPacked} is to be used where it can: it has bf16 instructions and a layout for them. */
    boolean packs();

    /**
     * Like {@link #multiply} for one product with a frozen F32 matrix b, of which a copy in bf16 is kept in the order in
     * which the product reads it. {@code a} is bf16.
     */
    void multiplyPacked(Operand c, Operand a, Matrix b, int m, int n, int k, float alpha, boolean add, long bias);

    /** For people: which library, which instructions. */
    String description();

    void close();
}
