package lorikeet.kernels.cpu;

import com.sun.management.OperatingSystemMXBean;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.management.ManagementFactory;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.BiFunction;
import lorikeet.kernels.AdamW;
import lorikeet.kernels.AttentionShape;
import lorikeet.kernels.Buffer;
import lorikeet.kernels.CLibrary;
import lorikeet.kernels.DType;
import lorikeet.kernels.Device;
import lorikeet.kernels.Matrix;
import lorikeet.kernels.Memory;
import lorikeet.kernels.OutOfDeviceMemoryException;
import lorikeet.kernels.Precision;
import lorikeet.kernels.Purpose;
import lorikeet.kernels.RandomKey;
import lorikeet.kernels.Spans;
import lorikeet.kernels.Unary;
import lorikeet.kernels.cpu.MatrixProducts.Operand;

/**
 * The processor as a device. Work is done when a verb returns. Each verb checks types and sizes of its operands, since
 * behind it there are only addresses.
 */
public final class CpuDevice extends Device {
    private final Precision precision;
    private final Parallel parallel;
    private final MatrixProducts products;
    private final Elementwise elementwise;
    private final Movement movement;
    private final Reduction reduction;
    private final Normalization normalization;
    private final Optimizers optimizers;
    /** Addresses of all memory that {@link #close} must give back. */
    private final Set<Long> allocated = new HashSet<>();

    /** @param threads how many threads compute, the caller among them; 0 = one per processor */
    public CpuDevice(Precision precision, int threads) {
        this(precision, threads, CpuDevice::bestProducts);
    }

    CpuDevice(Precision precision, int threads, BiFunction<Parallel, Memory, MatrixProducts> products) {
        this.precision = precision;
        parallel = new Parallel(threads == 0 ? Runtime.getRuntime().availableProcessors() : threads);
        this.products = products.apply(parallel, memory());
        elementwise = new Elementwise(parallel);
        movement = new Movement(parallel);
        reduction = new Reduction(parallel);
        normalization = new Normalization(parallel);
        optimizers = new Optimizers(parallel);
    }

    private static MatrixProducts bestProducts(Parallel parallel, Memory memory) {
        if (OneDnn.PROBLEM != null) {
            return new JavaProducts(parallel, memory, OneDnn.PROBLEM);
        }
        return OneDnnProducts.suitsThisProcessor()
                ? new OneDnnProducts(parallel, memory, OneDnnProducts.isX86())
                : new JavaProducts(parallel, memory, "it has no fast code for this processor");
    }

    @Override
    public String name() {
        return "cpu";
    }

    @Override
    public String description() {
        return "CPU, " + parallel.threads() + (parallel.threads() == 1 ? " thread, " : " threads, ")
                + 32 * Vectors.LANES
                + "-bit vectors, " + products.description()
                + (precision == Precision.FAST && products.packs() ? ", frozen weights packed in bf16" : "");
    }

    @Override
    public Precision precision() {
        return precision;
    }

    // ---- memory ------------------------------------------------------------------------------------------------------

    /** What the machine has, or what the container may use of it. */
    @Override
    public long capacity() {
        return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getTotalMemorySize();
    }

    private static final CLibrary LIBC = new CLibrary(Linker.nativeLinker().defaultLookup());
    private static final MethodHandle MALLOC =
            LIBC.function("malloc", FunctionDescriptor.of(ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG));
    private static final MethodHandle FREE = LIBC.function("free", FunctionDescriptor.ofVoid(ValueLayout.JAVA_LONG));
    /** Room for alignment in front, with the address that malloc gave, and for one vector behind. */
    private static final int MARGIN = 128;

    @Override
    protected long allocateRaw(long bytes) {
        try {
            long block = (long) MALLOC.invokeExact(bytes + MARGIN);
            if (block == 0) {
                throw new OutOfDeviceMemoryException("the system has no " + bytes + " bytes of memory left");
            }
            long address = block + 64 & -64;
            Vectors.ALL.set(ValueLayout.JAVA_LONG, address - 8, block);
            allocated.add(address);
            return address;
        } catch (Throwable e) {
            throw CLibrary.unexpected(e);
        }
    }

    /** Does nothing for a buffer that outlived the device: {@link #freeAll} took its memory. */
    @Override
    protected void freeRaw(long address, long bytes) {
        if (allocated.remove(address)) {
            free(address);
        }
    }

    private static void free(long address) {
        try {
            FREE.invokeExact(Vectors.ALL.get(ValueLayout.JAVA_LONG, address - 8));
        } catch (Throwable e) {
            throw CLibrary.unexpected(e);
        }
    }

    @Override
    protected void freeAll() {
        products.close();
        parallel.close();
        allocated.forEach(CpuDevice::free);
        allocated.clear();
    }

    // ---- moving ------------------------------------------------------------------------------------------------------

    @Override
    public void upload(Buffer y, MemorySegment source) {
        MemorySegment.copy(source, 0, Vectors.ALL, writable(y).address(), y.bytes());
    }

    @Override
    public void download(MemorySegment target, Buffer x) {
        MemorySegment.copy(Vectors.ALL, x.address(), target, 0, x.bytes());
    }

    @Override
    public void synchronise() {
        // Nothing is ever queued.
    }

    @Override
    public void fill(Buffer y, float value) {
        elementwise.fill(floats(writable(y), y.size()), value, y.size());
    }

    @Override
    public void copy(Buffer y, Buffer x) {
        checkCopy(y, x);
        if (y.dtype() == x.dtype()) {
            movement.copy(y.address(), x.address(), y.bytes());
        } else if (y.dtype() == DType.BF16) {
            movement.toBf16(y.address(), x.address(), y.size());
        } else {
            movement.fromBf16(y.address(), x.address(), y.size());
        }
    }

    @Override
    public void copyMatrix(Matrix y, Matrix x, boolean add) {
        movement.copyMatrix(matrix(y, x.rows(), x.columns()), y.stride(), matrix(x, x.rows(), x.columns()), x.stride(),
                x.rows(),
                x.columns(), add);
    }

    @Override
    public void transpose(Buffer y, Buffer x, int outer, int a, int middle, int b, int inner, boolean add) {
        long size = (long) outer * a * middle * b * inner;
        movement.transpose(floats(y, size), floats(x, size), outer, a, middle, b, inner, add);
    }

    @Override
    public void gather(Matrix y, Matrix table, Buffer ids) {
        checkGather(y, table);
        boolean bf16 = table.data().dtype() == DType.BF16;
        movement.gather(matrix(y, y.rows(), y.columns()), y.stride(), table.data().address(), table.stride(), bf16,
                table.rows(),
                ints(ids, y.rows()), y.rows(), y.columns());
    }

    @Override
    public void scatter(Matrix y, Buffer ids, Matrix x) {
        movement.scatter(matrix(y, y.rows(), x.columns()), y.stride(), y.rows(), ints(ids, x.rows()),
                matrix(x, x.rows(), x.columns()), x.stride(), x.rows(), x.columns());
    }

    @Override
    public void gatherBackward(Matrix dtable, Matrix dy, Buffer ids, Buffer order, Buffer runs) {
        movement.gatherBackward(matrix(dtable, dtable.rows(), dy.columns()), dtable.stride(), dtable.rows(),
                matrix(dy, dy.rows(), dy.columns()), dy.stride(), ints(ids, dy.rows()), ints(order, dy.rows()),
                ints(runs, runs.size()), Math.toIntExact(runs.size()) - 1, dy.columns());
    }

    // ---- element by element ------------------------------------------------------------------------------------------

    @Override
    public void add(Buffer y, Buffer a, Buffer b) {
        long n = y.size();
        elementwise.add(floats(y, n), floats(a, n), floats(b, n), n);
    }

    @Override
    public void multiply(Buffer y, Buffer a, Buffer b, boolean add) {
        long n = y.size();
        elementwise.multiply(floats(y, n), floats(a, n), floats(b, n), n, add);
    }

    @Override
    public void divide(Buffer y, Buffer a, Buffer b, boolean add) {
        long n = y.size();
        elementwise.divide(floats(y, n), floats(a, n), floats(b, n), n, add);
    }

    @Override
    public void scale(Buffer y, Buffer x, float alpha, boolean add) {
        elementwise.scale(floats(y, y.size()), floats(x, y.size()), alpha, y.size(), add);
    }

    @Override
    public void unary(Unary f, Buffer y, Buffer x) {
        elementwise.unary(f, floats(y, y.size()), floats(x, y.size()), y.size());
    }

    @Override
    public void unaryBackward(Unary f, Buffer dx, Buffer dy, Buffer x, boolean add) {
        long n = dx.size();
        elementwise.unaryBackward(f, floats(dx, n), floats(dy, n), floats(x, n), n, add);
    }

    @Override
    public void dropout(Buffer y, Buffer x, float p, RandomKey key, boolean add) {
        elementwise.dropout(floats(y, y.size()), floats(x, y.size()), p, key, y.size(), add);
    }

    // ---- repeating and summing ---------------------------------------------------------------------------------------

    @Override
    public void broadcast(Buffer y, Buffer x, int outer, int repeat, int inner, boolean add) {
        movement.broadcast(floats(y, (long) outer * repeat * inner), floats(x, (long) outer * inner), outer, repeat,
                inner, add);
    }

    @Override
    public void sum(Buffer y, Buffer x, int outer, int reduce, int inner, boolean add) {
        long py = floats(y, (long) outer * inner), px = floats(x, (long) outer * reduce * inner);
        if (inner != 1) {
            reduction.sumColumns(py, px, outer, reduce, inner, add);
            return;
        }
        try (var _ = memory().scope()) {
            long partial = workspace((long) outer * Reduction.chunks(reduce));
            reduction.sumRuns(py, px, partial, outer, reduce, add);
        }
    }

    /** Scratch space of {@code floats} numbers, until the innermost scope closes. */
    private long workspace(long floats) {
        return memory().allocate(DType.F32, floats, Purpose.WORKSPACE).address();
    }

    @Override
    public void addBias(Buffer y, Buffer x, Buffer bias, int rows, int columns) {
        long n = (long) rows * columns;
        elementwise.addBias(floats(y, n), floats(x, n), floats(bias, columns), rows, columns);
    }

    @Override
    public void biasUnary(Unary f, Buffer y, Buffer x, Buffer bias, int rows, int columns) {
        long n = (long) rows * columns;
        elementwise.biasUnary(f, floats(y, n), floats(x, n), floats(bias, columns), rows, columns);
    }

    @Override
    public void biasUnaryBackward(Unary f, Buffer dx, Buffer dy, Buffer x, Buffer bias, int rows, int columns,
            boolean add) {
        long n = (long) rows * columns;
        try (var _ = memory().scope()) {
            long scratch = workspace(Elementwise.rowScratch(columns) * parallel.threads());
            elementwise.biasUnaryBackward(f, floats(dx, n), floats(dy, n), floats(x, n), floats(bias, columns), rows,
                    columns, add, scratch);
        }
    }

    @Override
    public void multiplyRow(Buffer y, Buffer x, Buffer row, int rows, int columns, boolean add) {
        long n = (long) rows * columns;
        elementwise.multiplyRow(floats(y, n), floats(x, n), floats(row, columns), rows, columns, add);
    }

    /** What multiplies matrices here, on plain addresses of this process. */
    public MatrixProducts products() {
        return products;
    }

    // ---- matrices ----------------------------------------------------------------------------------------------------

    @Override
    public void gemm(Matrix c, Matrix a, Matrix b, float alpha, boolean add, Buffer bias) {
        int m = c.rows(), n = c.columns(), k = a.width(), batch = c.batch();
        checkProduct(c, a, b, add, bias);
        if (m == 0 || n == 0) {
            return;
        }
        long pBias = bias == null ? 0 : floats(bias, n);
        var target = operand(c);
        if (k == 0) {
            emptyProduct(target, m, n, batch, add, pBias);
            return;
        }
        if (precision == Precision.FAST && products.packs() && Packing.takes(b, batch)) {
            try (var _ = memory().scope()) {
                products.multiplyPacked(target, bf16(a, a.rows()), b, m, n, k, alpha, add, pBias);
            }
            return;
        }
        boolean mixed = mixed(a, b);
        boolean round = rounds(a, b);
        try (var _ = memory().scope()) {
            if (round && products.takesBf16()) {
                boolean pad = a.transposed() && !b.transposed() && batch == 1 && !mixed;
                int depth = pad ? Math.ceilDiv(k, DEPTH_STEP) * DEPTH_STEP : k;
                products.multiply(target, bf16(a, pad ? depth : a.rows()), bf16(b, pad ? depth : b.rows()), m, n, depth,
                        batch, alpha, add, pBias);
            } else {
                products.multiply(target, f32(a, round && mixed), f32(b, round && mixed), m, n, k, batch, alpha, add,
                        pBias);
            }
        }
    }

    /**
     * oneDNN compiles bf16 products for one k. Where k counts tokens, which change from batch to batch, operands are copied
     * with zeros behind up to a multiple of this.
     */
    private static final int DEPTH_STEP = 64;

    private static boolean mixed(Matrix a, Matrix b) {
        return a.data().dtype() == DType.BF16 || b.data().dtype() == DType.BF16;
    }

    /** Whether the product of a and b rounds its operands to bf16. */
    private boolean rounds(Matrix a, Matrix b) {
        return precision == Precision.FAST
                ? mixed(a, b) || Math.min(Math.min(a.height(), b.width()), a.width()) >= Packing.LEAST
                : mixed(a, b) && precision == Precision.BF16;
    }

    private static Operand operand(Matrix x) {
        return operand(x, x.data(), x.stride(), x.batchStride());
    }

    private static Operand operand(Matrix x, Buffer data, int stride, long batchStride) {
        // from a single row to the next is as far as products like it best
        int row = x.height() == 1 ? x.width() : x.transposed() ? 1 : stride;
        return new Operand(data.address(), data.dtype(), row, x.transposed() ? stride : 1,
                x.batch() == 1 ? 0 : batchStride);
    }

    /** The operand as bf16, in the workspace if it is not that already; a copy gets zeros up to {@code rows} rows. */
    private Operand bf16(Matrix x, int rows) {
        if (x.data().dtype() == DType.BF16) {
            return operand(x);
        }
        long padding = (long) (rows - x.rows()) * x.columns();
        var copy =
                memory().allocate(DType.BF16, (long) x.batch() * x.rows() * x.columns() + padding, Purpose.WORKSPACE);
        movement.convert(copy.address(), DType.BF16, x);
        Vectors.ALL.asSlice(copy.address() + copy.bytes() - 2 * padding, 2 * padding).fill((byte) 0);
        return operand(x, copy, x.columns(), (long) x.rows() * x.columns());
    }

    @Override
    public Matrix forProducts(Matrix x, Matrix b) {
        if (!rounds(x, b) || !products.takesBf16()) {
            return x;
        }
        movement.toBf16InPlace(x.data().address(), (long) x.rows() * x.columns());
        return Matrix.of(x.data().as(DType.BF16), x.rows(), x.columns());
    }

    /** The operand as F32: as it is, or in the workspace if it is bf16 or is to be rounded to that first. */
    private Operand f32(Matrix x, boolean round) {
        if (x.data().dtype() == DType.F32 && !round) {
            return operand(x);
        }
        var copy = memory().allocate(DType.F32, (long) x.batch() * x.rows() * x.columns(), Purpose.WORKSPACE);
        movement.convert(copy.address(), DType.F32, x);
        return operand(x, copy, x.columns(), (long) x.rows() * x.columns());
    }

    private static void emptyProduct(Operand c, int m, int n, int batch, boolean add, long bias) {
        for (int t = 0; t < batch && !add; t++) {
            for (int i = 0; i < m; i++) {
                if (bias == 0) {
                    Elementwise.fillRun(c.at(t, i, 0), 0, n);
                } else {
                    Vectors.copyBytes(c.at(t, i, 0), bias, 4L * n);
                }
            }
        }
    }

    // ---- layers ------------------------------------------------------------------------------------------------------

    @Override
    public void layerNorm(Buffer y, Buffer mean, Buffer rstd, Buffer x, Buffer gamma, Buffer beta, int rows,
            int columns,
            float epsilon) {
        long n = (long) rows * columns;
        normalization.layerNorm(floats(y, n), floats(mean, rows), floats(rstd, rows), floats(x, n),
                floats(gamma, columns),
                floats(beta, columns), rows, columns, epsilon);
    }

    @Override
    public void addLayerNorm(Buffer y, Buffer sum, Buffer mean, Buffer rstd, Buffer a, Buffer b, Buffer gamma,
            Buffer beta, int rows, int columns, float epsilon) {
        long n = (long) rows * columns;
        normalization.addLayerNorm(floats(y, n), floats(sum, n), floats(mean, rows), floats(rstd, rows), floats(a, n),
                floats(b, n), floats(gamma, columns), floats(beta, columns), rows, columns, epsilon);
    }

    @Override
    public void layerNormBackward(Buffer dx, Buffer dy, Buffer x, Buffer mean, Buffer rstd, Buffer gamma, int rows,
            int columns,
            boolean add) {
        long n = (long) rows * columns;
        normalization.layerNormBackward(floats(dx, n), floats(dy, n), floats(x, n), floats(mean, rows),
                floats(rstd, rows),
                floats(gamma, columns), rows, columns, add);
    }

    @Override
    public void layerNormParameterGradient(Buffer dgamma, Buffer dbeta, Buffer dy, Buffer x, Buffer mean, Buffer rstd,
            int rows,
            int columns, boolean addGamma, boolean addBeta) {
        long n = (long) rows * columns;
        reduction.layerNormParameters(dgamma == null ? 0 : floats(dgamma, columns),
                dbeta == null ? 0 : floats(dbeta, columns),
                floats(dy, n), floats(x, n), floats(mean, rows), floats(rstd, rows), rows, columns, addGamma, addBeta);
    }

    @Override
    public void softmax(Buffer y, Buffer x, int rows, int columns) {
        long n = (long) rows * columns;
        normalization.softmax(floats(y, n), floats(x, n), rows, columns);
    }

    @Override
    public void softmaxBackward(Buffer dx, Buffer dy, Buffer y, int rows, int columns, boolean add) {
        long n = (long) rows * columns;
        normalization.softmaxBackward(floats(dx, n), floats(dy, n), floats(y, n), rows, columns, add);
    }

    @Override
    public void attention(Matrix out, Buffer logSumExp, Matrix q, Matrix k, Matrix v, Matrix prefixK, Matrix prefixV,
            Spans spans,
            AttentionShape shape) {
        int tokens = spans.tokens(), width = shape.heads() * shape.headSize();
        matrix(out, tokens, width);
        checkAttention(q, k, v, prefixK, prefixV, spans, shape);
        var attention =
                new Attention(products, out, floats(logSumExp, (long) tokens * shape.heads()), q, k, v, prefixK,
                        prefixV, spans,
                        shape);
        try (var _ = memory().scope()) {
            attention.run(parallel, workspace(attention.scratchSize() * parallel.threads()));
        }
    }

    @Override
    public void attentionBackward(Matrix dq, Matrix dk, Matrix dv, Matrix dPrefixK, Matrix dPrefixV, Matrix dout,
            Matrix out,
            Buffer logSumExp, Matrix q, Matrix k, Matrix v, Matrix prefixK, Matrix prefixV, Spans spans,
            AttentionShape shape) {
        checkAttentionBackward(dq, dk, dv, dPrefixK, dPrefixV, dout, out, q, k, v, prefixK, prefixV, spans, shape);
        var backward = new AttentionBackward(products, dq, dk, dv, dPrefixK, dPrefixV, dout, out,
                floats(logSumExp, (long) spans.tokens() * shape.heads()), q, k, v, prefixK, prefixV, spans, shape);
        try (var _ = memory().scope()) {
            backward.run(parallel, workspace(backward.scratchSize() * parallel.threads()));
        }
    }

    @Override
    public void crossEntropy(Buffer losses, Buffer dlogits, Buffer logits, Buffer labels, int rows, int columns,
            float scale) {
        long n = (long) rows * columns;
        normalization.crossEntropy(floats(losses, rows), dlogits == null ? 0 : floats(dlogits, n), floats(logits, n),
                ints(labels, rows), rows, columns, scale);
    }

    // ---- learning ----------------------------------------------------------------------------------------------------

    @Override
    public void gradientNorm(Buffer control, List<Buffer> gradients, Buffer loss, float maxNorm) {
        var sizes = new long[gradients.size()];
        var addresses = new long[sizes.length];
        for (int i = 0; i < sizes.length; i++) {
            sizes[i] = gradients.get(i).size();
            addresses[i] = floats(gradients.get(i), sizes[i]);
        }
        var starts = Optimizers.chunkStarts(sizes);
        double sum = 0;
        try (var _ = memory().scope()) {
            long partial = workspace(2L * starts[sizes.length]);
            optimizers.chunks(sizes, starts, (tensor, from, n, task) -> Vectors.ALL.set(ValueLayout.JAVA_DOUBLE,
                    partial + 8L * task, Optimizers.sumOfSquaresRun(addresses[tensor] + 4 * from, n)));
            for (int i = 0; i < starts[sizes.length]; i++) {
                sum += Vectors.ALL.get(ValueLayout.JAVA_DOUBLE, partial + 8L * i);
            }
        }
        float norm = (float) Math.sqrt(sum);
        boolean finite = Float.isFinite(norm) && Float.isFinite(Vectors.get(floats(loss, 1), 0));
        long target = floats(control, CONTROL_SIZE);
        Vectors.set(target, CONTROL_NORM, norm);
        Vectors.set(target, CONTROL_CLIP, maxNorm == 0 || norm <= maxNorm ? 1 : maxNorm / norm);
        Vectors.set(target, CONTROL_FINITE, finite ? 1 : 0);
    }

    @Override
    public void adamw(AdamW settings, List<AdamW.Parameter> parameters, Buffer control) {
        long flags = floats(control, CONTROL_SIZE);
        if (Vectors.get(flags, CONTROL_FINITE) == 0) {
            return;
        }
        float clip = Vectors.get(flags, CONTROL_CLIP);
        double correction1 = 1 - Math.pow(settings.beta1(), settings.step());
        double correction2 = 1 - Math.pow(settings.beta2(), settings.step());
        var sizes = new long[parameters.size()];
        for (int i = 0; i < sizes.length; i++) {
            var p = parameters.get(i);
            sizes[i] = p.value().size();
            floats(writable(p.value()), sizes[i]);
            floats(p.gradient(), sizes[i]);
            floats(p.mean(), sizes[i]);
            floats(p.variance(), sizes[i]);
        }
        optimizers.chunks(sizes, Optimizers.chunkStarts(sizes), (tensor, from, n, _) -> {
            var p = parameters.get(tensor);
            double rate = (double) settings.rate() * p.rateFactor();
            var factors =
                    new Optimizers.AdamFactors((float) (1 - rate * p.decay()), clip, settings.beta1(), settings.beta2(),
                            (float) (rate / correction1), (float) (1 / Math.sqrt(correction2)), settings.epsilon());
            Optimizers.adamwRun(p.value().address() + 4 * from, p.gradient().address() + 4 * from,
                    p.mean().address() + 4 * from,
                    p.variance().address() + 4 * from, n, factors);
        });
    }

    @Override
    public void sgd(float rate, float decay, List<Buffer> values, List<Buffer> gradients, Buffer control) {
        long flags = floats(control, CONTROL_SIZE);
        if (Vectors.get(flags, CONTROL_FINITE) == 0) {
            return;
        }
        float clip = Vectors.get(flags, CONTROL_CLIP);
        var sizes = new long[values.size()];
        for (int i = 0; i < sizes.length; i++) {
            sizes[i] = values.get(i).size();
            floats(writable(values.get(i)), sizes[i]);
            floats(gradients.get(i), sizes[i]);
        }
        optimizers.chunks(sizes, Optimizers.chunkStarts(sizes), (tensor, from, n, _) -> Optimizers.sgdRun(
                values.get(tensor).address() + 4 * from, gradients.get(tensor).address() + 4 * from, n,
                1 - rate * decay, rate * clip));
    }
}
