package lorikeet.kernels.cpu;

import lorikeet.kernels.DType;

/**
 * What computes c (+)= alpha · a b (+ bias): oneDNN, or loops of our own. Operands are addresses with strides in elements;
 * both have the same type.
 */
interface MatrixProducts {

    /** One operand: element (i, j) of matrix number t at address + t · batch + i · row + j · column, in elements. */
    record Operand(long address, DType type, long row, long column, long batch) {
        long at(long t, long i, long j) {
            return address + type.bytes() * (t * batch + i * row + j * column);
        }
    }

    /** {@code bias} is an address or 0. {@code fast} allows operands to be rounded to bf16. */
    void multiply(Operand c, Operand a, Operand b, int m, int n, int k, int batch, float alpha, boolean add, long bias,
            boolean fast);

    /** Whether operands may be bf16. */
    boolean takesBf16();

    /** For people: which library, which instructions. */
    String description();

    void close();
}
