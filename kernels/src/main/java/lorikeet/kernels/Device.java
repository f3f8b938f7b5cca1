package lorikeet.kernels;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.Supplier;

/**
 * The seam between mathematics and hardware: verbs over flat buffers. Buffers are compact and row-major and hold F32
 * unless a verb says otherwise; only {@link #gemm} and attention, which take a {@link Matrix}, know strides. The target
 * comes first. Where a verb has {@code add}, it adds to what the target holds instead of overwriting it. A source may be
 * the target too where all elements have the same index in both; other overlap is an error of the caller.
 *
 * <p>Work may be queued: results are certain for the next verb on the same device, and for the host after a
 * {@code download} or {@link #synchronise}. A device is used by one thread at a time. Results do not depend on the number
 * of threads or the order in which they finish.
 */
public abstract class Device implements AutoCloseable {
    /** Entries of the control buffer that {@link #gradientNorm} fills and the optimizers obey. */
    public static final int CONTROL_NORM = 0, CONTROL_CLIP = 1, CONTROL_FINITE = 2, CONTROL_SIZE = 4;
    /** A label that takes no part in the loss. */
    public static final int IGNORED_LABEL = -100;

    private final Memory memory = new Memory(this);
    private boolean closed;

    /** As on the command line: {@code cpu}, {@code cuda}, {@code cuda:1}, {@code sim}. */
    public abstract String name();

    /** One line for people: model, threads or cores, instruction set, memory. */
    public abstract String description();

    public abstract Precision precision();

    /** Bytes of memory there are, whether in use or not. */
    public abstract long capacity();

    /**
     * Of how many rows at a time logits are computed, the widest product of a language model: enough to keep the device busy,
     * and not more, since their memory is scratch space.
     *
     * @param trained whether the head is trained: each time its gradient is read and written, and its weight rounded anew
     *                where products round their operands
     */
    public int logitRows(boolean trained) {
        return trained ? 512 : 128;
    }

    public final Memory memory() {
        return memory;
    }

    /** Raw memory, aligned to {@link Memory#ALIGNMENT}; only {@link Memory} calls this. */
    protected abstract long allocateRaw(long bytes);

    protected abstract void freeRaw(long address, long bytes);

    /** Whether {@link Memory} keeps freed blocks for the next allocation of their size. */
    protected boolean poolsMemory() {
        return true;
    }

    /** Gives back all that this device holds. Closing it again does nothing. */
    @Override
    public final void close() {
        if (!closed) {
            closed = true;
            freeAll();
        }
    }

    /** What {@link #close} does, once. */
    protected abstract void freeAll();

    @Override
    public String toString() {
        return description();
    }

    // ---- checks, for behind the verbs there are only addresses ---------------------------------------------------------

    /** Address of an F32 buffer of exactly {@code size} elements. */
    protected static long floats(Buffer x, long size) {
        return typed(x, size, DType.F32);
    }

    /** Address of an I32 buffer of exactly {@code size} elements. */
    protected static long ints(Buffer x, long size) {
        return typed(x, size, DType.I32);
    }

    private static long typed(Buffer x, long size, DType type) {
        if (x.size() != size || x.dtype() != type) {
            throw new IllegalArgumentException("expected " + type + "[" + size + "], got " + x);
        }
        return x.address();
    }

    /** The same buffer, if it may be written to. */
    protected static Buffer writable(Buffer y) {
        if (y.frozen()) {
            throw new IllegalStateException("frozen memory is only read: " + y);
        }
        y.forgetOriginal();
        return y;
    }

    /** Address of an F32 matrix of the given size that is not transposed. */
    protected static long matrix(Matrix x, int rows, int columns) {
        if (x.rows() != rows || x.columns() != columns || x.transposed() || x.batch() != 1
                || x.data().dtype() != DType.F32) {
            throw new IllegalArgumentException("expected an F32 matrix " + rows + "×" + columns + ", got " + x);
        }
        return x.data().address();
    }

    /** Whether x can be copied to y, which may be written to: floats of either kind to each other, integers to integers. */
    protected static void checkCopy(Buffer y, Buffer x) {
        boolean floats = y.dtype() != DType.I32 && x.dtype() != DType.I32;
        if (writable(y).size() != x.size() || y.dtype() != x.dtype() && !floats) {
            throw new IllegalArgumentException("cannot copy " + x + " to " + y);
        }
    }

    /** Whether rows of the table can be gathered in y. */
    protected static void checkGather(Matrix y, Matrix table) {
        if (table.columns() != y.columns() || table.transposed() || table.data().dtype() == DType.I32) {
            throw new IllegalArgumentException("cannot gather rows of " + table + " to " + y);
        }
    }

    /** Whether c (+)= a b + bias is a product of matrices that fit together. */
    protected static void checkProduct(Matrix c, Matrix a, Matrix b, boolean add, Buffer bias) {
        writable(c.data());
        if (c.transposed() || c.data().dtype() != DType.F32 || a.height() != c.rows() || b.width() != c.columns()
                || b.height() != a.width() || a.batch() != c.batch() && a.batch() != 1
                || b.batch() != c.batch() && b.batch() != 1 || add && bias != null) {
            throw new IllegalArgumentException("cannot multiply " + a + " by " + b + " into " + c);
        }
    }

    /** Whether the operands of attention fit together and every prefix lies within its matrix. */
    protected static void checkAttention(Matrix q, Matrix k, Matrix v, Matrix prefixK, Matrix prefixV, Spans spans,
            AttentionShape shape) {
        int width = shape.heads() * shape.headSize(), kvWidth = shape.kvHeads() * shape.headSize();
        matrix(q, spans.tokens(), width);
        matrix(k, spans.tokens(), kvWidth);
        matrix(v, spans.tokens(), kvWidth);
        int prefixRows = 0;
        if (prefixK != null) {
            prefixRows = prefixK.rows();
            matrix(prefixK, prefixRows, kvWidth);
            matrix(prefixV, prefixRows, kvWidth);
        }
        for (int s = 0; s < spans.sequences(); s++) {
            int length = spans.prefixLength()[s];
            if (length > 0 && spans.prefixStart()[s] + length > prefixRows) {
                throw new IllegalArgumentException("sequence " + s + " has prefix rows " + spans.prefixStart()[s]
                        + " to " + (spans.prefixStart()[s] + length) + ", but there are " + prefixRows);
            }
        }
    }

    /** Whether the operands of attention and their gradients fit together. */
    protected static void checkAttentionBackward(Matrix dq, Matrix dk, Matrix dv, Matrix dPrefixK, Matrix dPrefixV,
            Matrix dout, Matrix out, Matrix q, Matrix k, Matrix v, Matrix prefixK, Matrix prefixV, Spans spans,
            AttentionShape shape) {
        int tokens = spans.tokens(), width = shape.heads() * shape.headSize();
        int kvWidth = shape.kvHeads() * shape.headSize();
        matrix(dq, tokens, width);
        matrix(dk, tokens, kvWidth);
        matrix(dv, tokens, kvWidth);
        matrix(dout, tokens, width);
        matrix(out, tokens, width);
        checkAttention(q, k, v, prefixK, prefixV, spans, shape);
        if (dPrefixK != null) {
            matrix(dPrefixK, prefixK.rows(), kvWidth);
            matrix(dPrefixV, prefixV.rows(), kvWidth);
        }
    }

    // ---- moving ------------------------------------------------------------------------------------------------------

    /** Copies {@code y.bytes()} bytes from the host. */
    public abstract void upload(Buffer y, MemorySegment source);

    /** Copies {@code x.bytes()} bytes to the host and waits for them. */
    public abstract void download(MemorySegment target, Buffer x);

    public final void upload(Buffer y, int[] source) {
        upload(y, MemorySegment.ofArray(source));
    }

    public final void upload(Buffer y, float[] source) {
        upload(y, MemorySegment.ofArray(source));
    }

    /** Copies numbers from the host that are made only if there is a device to hold them. */
    public void upload(Buffer y, Supplier<float[]> source) {
        upload(y, source.get());
    }

    /** The content of an F32 or BF16 buffer as floats. */
    public final float[] downloadFloats(Buffer x) {
        if (x.dtype() == DType.BF16) {
            var bits = new short[Math.toIntExact(x.size())];
            download(MemorySegment.ofArray(bits), x);
            var values = new float[bits.length];
            for (int i = 0; i < bits.length; i++) {
                values[i] = Float.intBitsToFloat(bits[i] << 16);
            }
            return values;
        }
        var values = new float[Math.toIntExact(x.size())];
        download(MemorySegment.ofArray(values), x);
        return values;
    }

    /** Waits until all queued work is done. */
    public abstract void synchronise();

    /** y[i] = value. */
    public abstract void fill(Buffer y, float value);

    /** y = x, converting between F32 and BF16 (to nearest, ties to even) where the types differ; I32 only to I32. */
    public abstract void copy(Buffer y, Buffer x);

    /** y[r][c] (+)= x[r][c] for two matrices of the same size, each with its own stride. Serves slicing and joining. */
    public abstract void copyMatrix(Matrix y, Matrix x, boolean add);

    /** Exchanges two axes: y[o][b][m][a][i] (+)= x[o][a][m][b][i], with x of shape [outer, a, middle, b, inner]. */
    public abstract void transpose(Buffer y, Buffer x, int outer, int a, int middle, int b, int inner, boolean add);

    /** y[r] = table[ids[r]], rows of {@code y.columns} numbers; ids are I32, table is F32 or BF16. An embedding's forward. */
    public abstract void gather(Matrix y, Matrix table, Buffer ids);

    /** y[ids[r]] = x[r]; ids are I32 and name no row twice. Puts new keys and values into a cache. */
    public abstract void scatter(Matrix y, Buffer ids, Matrix x);

    /**
     * The gradient of {@link #gather}: dtable[ids[r]] += dy[r]. Rows of the same id are summed in ascending r, without
     * atomics: {@code order} (I32) lists all r sorted by id, stably; run j is {@code order[runs[j]] …
     * order[runs[j + 1] − 1]}, all of one id; {@code runs} (I32) has one entry more than there are runs.
     */
    public abstract void gatherBackward(Matrix dtable, Matrix dy, Buffer ids, Buffer order, Buffer runs);

    // ---- element by element ------------------------------------------------------------------------------------------

    /** y = a + b. */
    public abstract void add(Buffer y, Buffer a, Buffer b);

    /** y (+)= alpha · x. */
    public abstract void scale(Buffer y, Buffer x, float alpha, boolean add);

    /** y (+)= a · b. */
    public abstract void multiply(Buffer y, Buffer a, Buffer b, boolean add);

    /** y (+)= a / b. */
    public abstract void divide(Buffer y, Buffer a, Buffer b, boolean add);

    /** y = f(x). */
    public abstract void unary(Unary f, Buffer y, Buffer x);

    /** dx (+)= dy · f′(x). */
    public abstract void unaryBackward(Unary f, Buffer dx, Buffer dy, Buffer x, boolean add);

    /** y[i] (+)= x[i] / (1 − p) where the i-th uniform number of {@code key}, (word ≫ 8) · 2⁻²⁴, is at least p, else 0. */
    public abstract void dropout(Buffer y, Buffer x, float p, RandomKey key, boolean add);

    // ---- repeating and summing ---------------------------------------------------------------------------------------

    /** y[o][r][i] (+)= x[o][i], with y of shape [outer, repeat, inner]. */
    public abstract void broadcast(Buffer y, Buffer x, int outer, int repeat, int inner, boolean add);

    /** y[o][i] (+)= Σᵣ x[o][r][i], with x of shape [outer, reduce, inner]; summed in an order fixed by the shape alone. */
    public abstract void sum(Buffer y, Buffer x, int outer, int reduce, int inner, boolean add);

    /** y[r][c] = x[r][c] + bias[c]. */
    public abstract void addBias(Buffer y, Buffer x, Buffer bias, int rows, int columns);

    /** y[r][c] = f(x[r][c] + bias[c]). */
    public abstract void biasUnary(Unary f, Buffer y, Buffer x, Buffer bias, int rows, int columns);

    /** dx[r][c] (+)= dy[r][c] · f′(x[r][c] + bias[c]); dx may be the same buffer as dy. */
    public abstract void biasUnaryBackward(Unary f, Buffer dx, Buffer dy, Buffer x, Buffer bias, int rows, int columns,
            boolean add);

    /** y[r][c] (+)= x[r][c] · row[c]. */
    public abstract void multiplyRow(Buffer y, Buffer x, Buffer row, int rows, int columns, boolean add);

    // ---- matrices ----------------------------------------------------------------------------------------------------

    /**
     * c (+)= alpha · a b (+ bias). {@code c} is never transposed. Operands {@code a} and {@code b} are F32 or BF16; sums
     * are 32-bit. In precision BF16 an F32 operand beside a BF16 one is rounded to bf16 first.
     *
     * @param bias added to each row of c, or null; only with {@code add == false}
     */
    public abstract void gemm(Matrix c, Matrix a, Matrix b, float alpha, boolean add, Buffer bias);

    // ---- layers ------------------------------------------------------------------------------------------------------

    /** y = (x − mean) · rstd · gamma + beta row by row, with rstd = 1/√(variance + epsilon); keeps mean and rstd per row. */
    public abstract void layerNorm(Buffer y, Buffer mean, Buffer rstd, Buffer x, Buffer gamma, Buffer beta, int rows,
            int columns, float epsilon);

    /** sum = a + b and y = {@link #layerNorm} of it: a sublayer's way back to the stream and the norm behind. */
    public abstract void addLayerNorm(Buffer y, Buffer sum, Buffer mean, Buffer rstd, Buffer a, Buffer b, Buffer gamma,
            Buffer beta, int rows, int columns, float epsilon);

    /** dx (+)= the gradient of {@link #layerNorm} with respect to x. */
    public abstract void layerNormBackward(Buffer dx, Buffer dy, Buffer x, Buffer mean, Buffer rstd, Buffer gamma,
            int rows, int columns, boolean add);

    /** dgamma (+)= Σ dy · (x − mean) · rstd and dbeta (+)= Σ dy over the rows; either target may be null. */
    public abstract void layerNormParameterGradient(Buffer dgamma, Buffer dbeta, Buffer dy, Buffer x, Buffer mean,
            Buffer rstd, int rows, int columns, boolean addGamma, boolean addBeta);

    /** y = softmax of each row of x. */
    public abstract void softmax(Buffer y, Buffer x, int rows, int columns);

    /** dx (+)= y · (dy − Σ dy · y), row by row. */
    public abstract void softmaxBackward(Buffer dx, Buffer dy, Buffer y, int rows, int columns, boolean add);

    /**
     * Causal attention: each query attends to its sequence's prefix rows and to the sequence's own keys up to its own
     * position. out[r][h] = Σⱼ softmaxⱼ(scale · q[r][h] · k[j][h]) v[j][h]. Memory grows linearly with length.
     *
     * @param out         [tokens, heads · headSize]
     * @param logSumExp   [tokens, heads]: log Σⱼ exp(scale · q · k), kept for backward
     * @param q           [tokens, heads · headSize]
     * @param k           [tokens, kvHeads · headSize], likewise {@code v}
     * @param prefixK     [prefix rows, kvHeads · headSize], likewise {@code prefixV}; both null if no sequence has a prefix
     */
    public abstract void attention(Matrix out, Buffer logSumExp, Matrix q, Matrix k, Matrix v, Matrix prefixK,
            Matrix prefixV, Spans spans, AttentionShape shape);

    /**
     * Overwrites dq, dk, dv and adds to dPrefixK, dPrefixV with the gradients of {@link #attention}; the last two are
     * null where no gradient of the prefix is wanted. Scores are computed again from q, k and logSumExp.
     */
    public abstract void attentionBackward(Matrix dq, Matrix dk, Matrix dv, Matrix dPrefixK, Matrix dPrefixV,
            Matrix dout, Matrix out, Buffer logSumExp, Matrix q, Matrix k, Matrix v, Matrix prefixK, Matrix prefixV,
            Spans spans, AttentionShape shape);

    /**
     * The matrix in the form in which {@link #gemm} reads it as the left factor of products with {@code b}, in the same
     * memory: rounded in place where they would make a rounded copy of it, else as it is. For scratch data that nothing else
     * reads from here on.
     *
     * @param x of F32, compact
     */
    public Matrix forProducts(Matrix x, Matrix b) {
        return x;
    }

    /**
     * losses[r] = −log softmax(logits[r])[labels[r]], and 0 where the label is {@link #IGNORED_LABEL}. If
     * {@code dlogits} is not null, dlogits[r] = scale · (softmax(logits[r]) − onehot(labels[r])), and 0 for an ignored
     * label; it may be the same buffer as logits.
     */
    public abstract void crossEntropy(Buffer losses, Buffer dlogits, Buffer logits, Buffer labels, int rows,
            int columns, float scale);

    // ---- learning ----------------------------------------------------------------------------------------------------

    /**
     * control[NORM] = the Euclidean norm of all gradients together; control[CLIP] = min(1, maxNorm / norm), or 1 if
     * maxNorm is 0; control[FINITE] = 1 if norm and loss (a buffer of one element) are finite, else 0.
     */
    public abstract void gradientNorm(Buffer control, List<Buffer> gradients, Buffer loss, float maxNorm);

    /** One AdamW step for all parameters, gradients multiplied by control[CLIP]; nothing at all if control[FINITE] is 0. */
    public abstract void adamw(AdamW settings, List<AdamW.Parameter> parameters, Buffer control);

    /** p ← p − rate · (clip · g + decay · p), gated like {@link #adamw}. */
    public abstract void sgd(float rate, float decay, List<Buffer> values, List<Buffer> gradients, Buffer control);

    /** Reads one F32 element; waits for it. */
    public final float read(Buffer x, long index) {
        var value = new float[1];
        download(MemorySegment.ofArray(value), x.slice(index, 1));
        return value[0];
    }

    /** For host code: int elements of an I32 buffer. */
    public final int[] downloadInts(Buffer x) {
        var values = new int[Math.toIntExact(x.size())];
        download(MemorySegment.ofArray(values), x);
        return values;
    }
}
