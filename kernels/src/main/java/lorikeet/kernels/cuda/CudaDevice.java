package lorikeet.kernels.cuda;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import lorikeet.kernels.AdamW;
import lorikeet.kernels.AttentionShape;
import lorikeet.kernels.Buffer;
import lorikeet.kernels.DType;
import lorikeet.kernels.Device;
import lorikeet.kernels.Matrix;
import lorikeet.kernels.Precision;
import lorikeet.kernels.Purpose;
import lorikeet.kernels.RandomKey;
import lorikeet.kernels.Spans;
import lorikeet.kernels.Unary;
import lorikeet.kernels.cuda.Gpu.Grid;
import lorikeet.kernels.cuda.Gpu.Operand;

/**
 * A GPU as a device: each verb is one launch or a few, or a product by cuBLAS. Nothing is computed on the host. Work is
 * queued; only downloads and {@link #synchronise} wait.
 */
public final class CudaDevice extends Device {
    private final Gpu gpu;
    private final Precision precision;
    private final Kernels kernels;
    private final Grids grids;
    private final Buffer productSpace;

    /** Takes the GPU over: {@link #close} closes it. */
    public CudaDevice(Gpu gpu, Precision precision) {
        this.gpu = gpu;
        this.precision = precision;
        kernels = new Kernels(gpu);
        var properties = gpu.properties();
        grids = new Grids(properties.processors());
        // What cuBLAS recommends: 32 MiB from Hopper on, 4 MiB before.
        int mebibytes = properties.computeCapability() >= 90 ? 32 : 4;
        productSpace = memory().allocateOwned(DType.F32, mebibytes << 18, Purpose.WORKSPACE);
        gpu.workspace(productSpace.address(), productSpace.bytes());
    }

    @Override
    public String name() {
        return gpu.name();
    }

    @Override
    public String description() {
        var p = gpu.properties();
        return String.format(Locale.ROOT, "%s, compute capability %d.%d, %d processors, %.1f GB%s", p.model(),
                p.computeCapability() / 10, p.computeCapability() % 10, p.processors(), p.memoryBytes() / 1e9,
                p.hasTf32() ? "" : switch (precision) {
                    case STRICT -> "";
                    case FAST -> ", no TF32: products in fp32";
                    case BF16 -> ", no bf16 products: operands rounded to bf16, products in fp32";
                });
    }

    @Override
    public Precision precision() {
        return precision;
    }

    @Override
    public long capacity() {
        return gpu.properties().memoryBytes();
    }

    /** With 128, half of an H100's time for GPT-2's logits went into reading the embedding. */
    @Override
    public int logitRows(boolean trained) {
        return 1024;
    }

    @Override
    protected long allocateRaw(long bytes) {
        return gpu.allocate(bytes);
    }

    @Override
    protected void freeRaw(long address, long bytes) {
        gpu.free(address);
    }

    @Override
    protected boolean poolsMemory() {
        return gpu.poolsMemory();
    }

    @Override
    protected void freeAll() {
        try {
            gpu.synchronise();
            productSpace.release();
            memory().trim();
        } finally {
            gpu.close();
        }
    }

    Grids grids() {
        return grids;
    }

    /** Whether products of 32-bit floats round their operands to TF32. */
    boolean usesTf32() {
        return precision != Precision.STRICT && gpu.properties().hasTf32();
    }

    /** Queues a launch, unless the grid is empty; flags are passed as 0 or 1. */
    void launch(String module, String kernel, Grid grid, int sharedBytes, Object... arguments) {
        if (grid.blocksX() == 0) {
            return;
        }
        for (int i = 0; i < arguments.length; i++) {
            if (arguments[i] instanceof Boolean flag) {
                arguments[i] = flag ? 1 : 0;
            }
        }
        gpu.launch(kernels.get(module, kernel), grid, sharedBytes, arguments);
    }

    private void elementwise(String kernel, long n, Object... arguments) {
        launch("elementwise", kernel, grids.flat(n), 0, arguments);
    }

    private void rows(String kernel, int rows, int columns, Object... arguments) {
        launch("rows", kernel, grids.rows(rows, columns, 1), 0, arguments);
    }

    /** For rows that have something in common: a thread takes four of them, and reads that once for all. */
    private void relatedRows(String module, String kernel, int rows, int columns, Object... arguments) {
        launch(module, kernel, grids.rows(Math.ceilDiv(rows, 4), columns, 1), 0, arguments);
    }

    private Buffer workspace(long floats) {
        return memory().allocate(DType.F32, floats, Purpose.WORKSPACE);
    }

    // ---- moving ------------------------------------------------------------------------------------------------------

    @Override
    public void upload(Buffer y, MemorySegment source) {
        if (writable(y).size() > 0) {
            gpu.upload(y.address(), source.asSlice(0, y.bytes()));
        }
    }

    @Override
    public void download(MemorySegment target, Buffer x) {
        if (x.size() > 0) {
            gpu.download(target.asSlice(0, x.bytes()), x.address());
            gpu.synchronise();
        }
    }

    @Override
    public void synchronise() {
        gpu.synchronise();
    }

    @Override
    public void fill(Buffer y, float value) {
        if (writable(y).size() > 0) {
            gpu.fill(floats(y, y.size()), Float.floatToRawIntBits(value), y.size());
        }
    }

    @Override
    public void copy(Buffer y, Buffer x) {
        checkCopy(y, x);
        boolean bf16 = x.dtype() == DType.BF16;
        var kernel =
                x.dtype() == y.dtype() ? bf16 ? "copy_bf16" : "copy_f32" : bf16 ? "widen_to_f32" : "narrow_to_bf16";
        elementwise(kernel, y.size(), y.address(), x.address(), y.size());
    }

    @Override
    public void copyMatrix(Matrix y, Matrix x, boolean add) {
        int rows = x.rows(), columns = x.columns();
        rows("copy_matrix", rows, columns, matrix(y, rows, columns), matrix(x, rows, columns), rows, columns,
                y.stride(), x.stride(), add);
    }

    @Override
    public void transpose(Buffer y, Buffer x, int outer, int a, int middle, int b, int inner, boolean add) {
        long n = (long) outer * a * middle * b * inner;
        if (n == 0) {
            return;
        }
        long py = floats(y, n), px = floats(x, n);
        if (inner > 1) {
            int rows = Math.toIntExact(n / inner);
            rows("transpose_rows", rows, inner, py, px, rows, a, middle, b, inner, add);
        } else {
            int across = Math.toIntExact((long) outer * middle * Math.ceilDiv(b, 32));
            launch("rows", "transpose_tiles", new Grid(across, Math.ceilDiv(a, 32), 1, 32, 8), 0, py, px, outer, a,
                    middle, b, add);
        }
    }

    @Override
    public void gather(Matrix y, Matrix table, Buffer ids) {
        checkGather(y, table);
        boolean bf16 = table.data().dtype() == DType.BF16;
        rows(bf16 ? "gather_bf16" : "gather_f32", y.rows(), y.columns(), matrix(y, y.rows(), y.columns()),
                table.data().address(), ints(ids, y.rows()), y.rows(), y.columns(), y.stride(), table.stride());
    }

    @Override
    public void scatter(Matrix y, Buffer ids, Matrix x) {
        rows("scatter", x.rows(), x.columns(), matrix(y, y.rows(), x.columns()), ints(ids, x.rows()),
                matrix(x, x.rows(), x.columns()), x.rows(), x.columns(), y.stride(), x.stride());
    }

    @Override
    public void gatherBackward(Matrix dtable, Matrix dy, Buffer ids, Buffer order, Buffer runs) {
        int count = Math.toIntExact(runs.size()) - 1, columns = dy.columns();
        rows("gather_backward", count, columns, matrix(dtable, dtable.rows(), columns), matrix(dy, dy.rows(), columns),
                ints(ids, dy.rows()), ints(order, dy.rows()), ints(runs, runs.size()), count, columns, dtable.stride(),
                dy.stride());
    }

    // ---- element by element ------------------------------------------------------------------------------------------

    @Override
    public void add(Buffer y, Buffer a, Buffer b) {
        long n = y.size();
        elementwise("add", n, floats(y, n), floats(a, n), floats(b, n), n);
    }

    @Override
    public void scale(Buffer y, Buffer x, float alpha, boolean add) {
        long n = y.size();
        elementwise("scale", n, floats(y, n), floats(x, n), alpha, add, n);
    }

    @Override
    public void multiply(Buffer y, Buffer a, Buffer b, boolean add) {
        long n = y.size();
        elementwise("multiply", n, floats(y, n), floats(a, n), floats(b, n), add, n);
    }

    @Override
    public void divide(Buffer y, Buffer a, Buffer b, boolean add) {
        long n = y.size();
        elementwise("divide", n, floats(y, n), floats(a, n), floats(b, n), add, n);
    }

    @Override
    public void unary(Unary f, Buffer y, Buffer x) {
        long n = y.size();
        elementwise(kernel(f), n, floats(y, n), floats(x, n), n);
    }

    @Override
    public void unaryBackward(Unary f, Buffer dx, Buffer dy, Buffer x, boolean add) {
        long n = dx.size();
        elementwise(kernel(f) + "_backward", n, floats(dx, n), floats(dy, n), floats(x, n), add, n);
    }

    private static String kernel(Unary f) {
        return "unary_" + f.name().toLowerCase(Locale.ROOT);
    }

    @Override
    public void biasUnary(Unary f, Buffer y, Buffer x, Buffer bias, int rows, int columns) {
        long n = (long) rows * columns;
        relatedRows("elementwise", "bias_" + kernel(f), rows, columns, floats(y, n), floats(x, n),
                floats(bias, columns), rows, columns);
    }

    @Override
    public void biasUnaryBackward(Unary f, Buffer dx, Buffer dy, Buffer x, Buffer bias, int rows, int columns,
            boolean add) {
        long n = (long) rows * columns;
        relatedRows("elementwise", "bias_" + kernel(f) + "_backward", rows, columns, floats(dx, n), floats(dy, n),
                floats(x, n), floats(bias, columns), rows, columns, add);
    }

    @Override
    public void dropout(Buffer y, Buffer x, float p, RandomKey key, boolean add) {
        long n = y.size();
        float keep = (float) (1 / (1 - (double) p));
        elementwise("dropout", n, floats(y, n), floats(x, n), p, keep, key.seed(), key.stream(), add, n);
    }

    // ---- repeating and summing ---------------------------------------------------------------------------------------

    @Override
    public void broadcast(Buffer y, Buffer x, int outer, int repeat, int inner, boolean add) {
        int rows = Math.multiplyExact(outer, repeat);
        relatedRows("rows", "broadcast", rows, inner, floats(y, (long) rows * inner), floats(x, (long) outer * inner),
                rows,
                repeat,
                inner, inner, add);
    }

    @Override
    public void sum(Buffer y, Buffer x, int outer, int reduce, int inner, boolean add) {
        long py = floats(y, (long) outer * inner), px = floats(x, (long) outer * reduce * inner);
        if (inner == 1) {
            sumRows(py, px, outer, reduce, add);
        } else if (outer > 0 && inner > 0) {
            sumColumns(py, px, outer, reduce, inner, add);
        }
    }

    /** Sums over each row; long rows in chunks, whose sums are summed by a second launch. */
    private void sumRows(long y, long x, int rows, int length, boolean add) {
        int chunk = 16_384, chunks = Math.max(1, Math.ceilDiv(length, chunk));
        var row = grids.wholeRows(rows, Math.clamp(length, 1, chunk), Grids.THREADS);
        var grid = new Grid(row.blocksX(), chunks, 1, row.threadsX(), row.threadsY());
        if (chunks == 1) {
            launch("sum", "sum_rows", grid, 0, y, x, rows, length, chunk, add);
            return;
        }
        try (var _ = memory().scope()) {
            long partial = workspace((long) rows * chunks).address();
            launch("sum", "sum_rows", grid, 0, partial, x, rows, length, chunk, false);
            sumRows(y, partial, rows, chunks, add);
        }
    }

    /** Sums down the columns of {@code outer} matrices; tall ones in chunks of rows. */
    private void sumColumns(long y, long x, int outer, int rows, int columns, boolean add) {
        var columnSum = new ColumnSum(rows, columns, columns % 4 == 0 && (y | x) % 16 == 0);
        var grid = columnSum.grid(outer);
        if (columnSum.chunks() == 1) {
            launch("sum", "sum_columns", grid, 0, y, x, outer, rows, columns, columnSum.chunk(), columnSum.vector(),
                    add);
            return;
        }
        try (var _ = memory().scope()) {
            long partial = workspace((long) outer * columnSum.chunks() * columns).address();
            launch("sum", "sum_columns", grid, 0, partial, x, outer, rows, columns, columnSum.chunk(),
                    columnSum.vector(), false);
            sumColumns(y, partial, outer, columnSum.chunks(), columns, add);
        }
    }

    /** How a sum over rows is cut: a block takes up to 32 runs of columns and 32 rows for each of its threads in y. */
    private record ColumnSum(int rows, int columns, boolean vector) {

        int width() {
            return Grids.columnSumWidth(columns, vector);
        }

        int chunk() {
            return 32 * Grids.THREADS / width();
        }

        int chunks() {
            return Math.max(1, Math.ceilDiv(rows, chunk()));
        }

        Grid grid(int outer) {
            int across = Math.ceilDiv(vector ? columns / 4 : columns, width());
            return new Grid(Math.multiplyExact(across, outer), chunks(), 1, width(), Grids.THREADS / width());
        }
    }

    @Override
    public void addBias(Buffer y, Buffer x, Buffer bias, int rows, int columns) {
        long n = (long) rows * columns;
        relatedRows("rows", "add_bias", rows, columns, floats(y, n), floats(x, n), floats(bias, columns), rows,
                columns);
    }

    @Override
    public void multiplyRow(Buffer y, Buffer x, Buffer row, int rows, int columns, boolean add) {
        long n = (long) rows * columns;
        relatedRows("rows", "multiply_row", rows, columns, floats(y, n), floats(x, n), floats(row, columns), rows,
                columns,
                add);
    }

    // ---- matrices ----------------------------------------------------------------------------------------------------

    /**
     * A row-major matrix is its transpose in cuBLAS's column-major eyes, so cᵀ = bᵀ aᵀ: the operands change places, and
     * each keeps its flag. The bias is laid into c before, and the product added to it.
     */
    @Override
    public void gemm(Matrix c, Matrix a, Matrix b, float alpha, boolean add, Buffer bias) {
        checkProduct(c, a, b, add, bias);
        int m = c.rows(), n = c.columns(), k = a.width();
        if (m == 0 || n == 0) {
            return;
        }
        try (var _ = memory().scope()) {
            if (bias != null) {
                fillRows(c, bias);
            } else if (k == 0 && !add) {
                var zeros = workspace(n);
                fill(zeros, 0);
                fillRows(c, zeros);
            }
            if (k == 0) {
                return;
            }
            boolean mixed = a.data().dtype() == DType.BF16 || b.data().dtype() == DType.BF16;
            boolean round = mixed && precision != Precision.STRICT;
            var type = round && gpu.properties().hasTf32() ? DType.BF16 : DType.F32;
            gpu.gemm(operand(b, type, round), operand(a, type, round), operand(c, DType.F32, false), n, m, k, alpha,
                    add || bias != null, c.batch(), usesTf32());
        }
    }

    /** Makes every row of c the same. */
    private void fillRows(Matrix c, Buffer row) {
        for (int i = 0; i < c.batch(); i++) {
            long target = c.data().address() + i * c.batchStride() * Float.BYTES;
            relatedRows("rows", "broadcast", c.rows(), c.columns(), target, floats(row, c.columns()), c.rows(),
                    c.rows(),
                    c.columns(),
                    c.stride(), false);
        }
    }

    /**
     * The matrix as cuBLAS takes it: where it lies, or a copy of another type in the workspace, which the scope around
     * frees. With {@code round}, F32 numbers that stay F32 are rounded to bf16 on the way.
     */
    private Operand operand(Matrix x, DType type, boolean round) {
        var from = x.data().dtype();
        if (from == type && !(round && type == DType.F32)) {
            return new Operand(x.data().address(), type, x.transposed(), x.stride(),
                    x.batch() == 1 ? 0 : x.batchStride());
        }
        var source = from == DType.F32 && type == DType.F32 ? converted(x, DType.BF16) : x;
        var twin = converted(source, type);
        return new Operand(twin.data().address(), type, x.transposed(), twin.stride(),
                x.batch() == 1 ? 0 : twin.batchStride());
    }

    private Matrix converted(Matrix x, DType type) {
        int stride = Math.ceilDiv(x.columns(), 8) * 8; // rows begin at multiples of 16 bytes, as tensor cores like it
        long batchStride = (long) x.rows() * stride;
        var twin = memory().allocate(type, x.batch() * batchStride, Purpose.WORKSPACE);
        launch("rows", type == DType.BF16 ? "narrow_matrix" : "widen_matrix",
                grids.rows(x.rows(), x.columns(), x.batch()), 0, twin.address(), x.data().address(), x.rows(),
                x.columns(), stride, x.stride(), x.batch(), batchStride, x.batchStride());
        return new Matrix(twin, x.rows(), x.columns(), stride, x.transposed(), x.batch(), batchStride);
    }

    // ---- layers ------------------------------------------------------------------------------------------------------

    private void wholeRows(String module, String kernel, int rows, int columns, Object... arguments) {
        launch(module, kernel, grids.wholeRows(rows, columns, 512), 0, arguments);
    }

    /** Rows of a block pass {@code shared} rows of columns on to each other. */
    private void normalisedRows(String kernel, int rows, int columns, int shared, Object... arguments) {
        var grid = grids.relatedRows(rows, columns);
        launch("layernorm", kernel, grid, grid.threadsY() == 1 ? 0 : shared * columns * Float.BYTES, arguments);
    }

    @Override
    public void layerNorm(Buffer y, Buffer mean, Buffer rstd, Buffer x, Buffer gamma, Buffer beta, int rows,
            int columns, float epsilon) {
        long n = (long) rows * columns;
        normalisedRows("layer_norm", rows, columns, 2, floats(y, n), floats(mean, rows), floats(rstd, rows),
                floats(x, n), floats(gamma, columns), floats(beta, columns), rows, columns, epsilon);
    }

    @Override
    public void addLayerNorm(Buffer y, Buffer sum, Buffer mean, Buffer rstd, Buffer a, Buffer b, Buffer gamma,
            Buffer beta, int rows, int columns, float epsilon) {
        long n = (long) rows * columns;
        normalisedRows("add_layer_norm", rows, columns, 2, floats(y, n), floats(sum, n), floats(mean, rows),
                floats(rstd, rows), floats(a, n), floats(b, n), floats(gamma, columns), floats(beta, columns), rows,
                columns, epsilon);
    }

    @Override
    public void layerNormBackward(Buffer dx, Buffer dy, Buffer x, Buffer mean, Buffer rstd, Buffer gamma, int rows,
            int columns, boolean add) {
        long n = (long) rows * columns;
        normalisedRows("layer_norm_backward", rows, columns, 1, floats(dx, n), floats(dy, n), floats(x, n),
                floats(mean, rows), floats(rstd, rows), floats(gamma, columns), rows, columns, add);
    }

    @Override
    public void layerNormParameterGradient(Buffer dgamma, Buffer dbeta, Buffer dy, Buffer x, Buffer mean, Buffer rstd,
            int rows, int columns, boolean addGamma, boolean addBeta) {
        long n = (long) rows * columns;
        long pGamma = dgamma == null ? 0 : floats(dgamma, columns), pBeta = dbeta == null ? 0 : floats(dbeta, columns);
        long pdy = floats(dy, n), px = floats(x, n), pMean = floats(mean, rows), pRstd = floats(rstd, rows);
        if (columns == 0) {
            return;
        }
        var sum = new ColumnSum(rows, columns, columns % 4 == 0 && (pGamma | pBeta | pdy | px) % 16 == 0);
        if (sum.chunks() == 1) {
            launch("layernorm", "layer_norm_parameters", sum.grid(1), 0, pGamma, pBeta, pdy, px, pMean, pRstd, rows,
                    columns, sum.chunk(), sum.vector(), addGamma, addBeta);
            return;
        }
        try (var _ = memory().scope()) {
            long size = (long) sum.chunks() * columns;
            long partGamma = dgamma == null ? 0 : workspace(size).address();
            long partBeta = dbeta == null ? 0 : workspace(size).address();
            launch("layernorm", "layer_norm_parameters", sum.grid(1), 0, partGamma, partBeta, pdy, px, pMean, pRstd,
                    rows, columns, sum.chunk(), sum.vector(), false, false);
            if (dgamma != null) {
                sumColumns(pGamma, partGamma, 1, sum.chunks(), columns, addGamma);
            }
            if (dbeta != null) {
                sumColumns(pBeta, partBeta, 1, sum.chunks(), columns, addBeta);
            }
        }
    }

    @Override
    public void softmax(Buffer y, Buffer x, int rows, int columns) {
        long n = (long) rows * columns;
        wholeRows("softmax", "softmax", rows, columns, floats(y, n), floats(x, n), rows, columns);
    }

    @Override
    public void softmaxBackward(Buffer dx, Buffer dy, Buffer y, int rows, int columns, boolean add) {
        long n = (long) rows * columns;
        wholeRows("softmax", "softmax_backward", rows, columns, floats(dx, n), floats(dy, n), floats(y, n), rows,
                columns, add);
    }

    @Override
    public void attention(Matrix out, Buffer logSumExp, Matrix q, Matrix k, Matrix v, Matrix prefixK, Matrix prefixV,
            Spans spans, AttentionShape shape) {
        int tokens = spans.tokens();
        matrix(out, tokens, shape.heads() * shape.headSize());
        checkAttention(q, k, v, prefixK, prefixV, spans, shape);
        new AttentionLaunches(this, q, k, v, prefixK, prefixV, spans, shape).forward(out,
                floats(logSumExp, (long) tokens * shape.heads()));
    }

    @Override
    public void attentionBackward(Matrix dq, Matrix dk, Matrix dv, Matrix dPrefixK, Matrix dPrefixV, Matrix dout,
            Matrix out, Buffer logSumExp, Matrix q, Matrix k, Matrix v, Matrix prefixK, Matrix prefixV, Spans spans,
            AttentionShape shape) {
        checkAttentionBackward(dq, dk, dv, dPrefixK, dPrefixV, dout, out, q, k, v, prefixK, prefixV, spans, shape);
        boolean prefix = dPrefixK != null && spans.longestPrefix() > 0;
        try (var _ = memory().scope()) {
            long rows = (long) spans.tokens() * shape.heads();
            long terms = workspace(2 * rows).address();
            long shares = (long) spans.sequences() * spans.longestPrefix() * shape.kvHeads() * shape.headSize();
            long sharesK = prefix ? workspace(shares).address() : 0, sharesV = prefix ? workspace(shares).address() : 0;
            long pLogSumExp = floats(logSumExp, rows);
            var launches = new AttentionLaunches(this, q, k, v, prefixK, prefixV, spans, shape);
            launches.backward(dq, dk, dv, dPrefixK, dPrefixV, dout, out, pLogSumExp, terms, sharesK, sharesV);
        }
    }

    @Override
    public void crossEntropy(Buffer losses, Buffer dlogits, Buffer logits, Buffer labels, int rows, int columns,
            float scale) {
        long n = (long) rows * columns;
        wholeRows("softmax", "cross_entropy", rows, columns, floats(losses, rows),
                dlogits == null ? 0L : floats(dlogits, n), floats(logits, n), ints(labels, rows), rows, columns, scale,
                IGNORED_LABEL);
    }

    // ---- learning ----------------------------------------------------------------------------------------------------

    @Override
    public void gradientNorm(Buffer control, List<Buffer> gradients, Buffer loss, float maxNorm) {
        var table = new TensorTable(gradients.size());
        for (var gradient : gradients) {
            table.add(0, floats(gradient, gradient.size()), 0, 0, gradient.size(), 0, 0);
        }
        try (var _ = memory().scope()) {
            int blocks = Math.min(table.chunks(), 1024);
            long partial = workspace(blocks).address();
            overTensors(table, new Grid(blocks, 1, 1, Grids.THREADS, 1), "gradient_squares", partial);
            launch("optimizer", "gradient_norm", new Grid(1, 1, 1, Grids.THREADS, 1), 0, floats(control, CONTROL_SIZE),
                    partial, blocks, floats(loss, 1), maxNorm);
        }
    }

    @Override
    public void adamw(AdamW settings, List<AdamW.Parameter> parameters, Buffer control) {
        var table = new TensorTable(parameters.size());
        for (var p : parameters) {
            long n = p.value().size();
            double rate = (double) settings.rate() * p.rateFactor();
            table.add(floats(p.value(), n), floats(p.gradient(), n), floats(p.mean(), n), floats(p.variance(), n), n,
                    (float) rate, (float) (1 - rate * p.decay()));
        }
        overTensors(table, new Grid(grids.blocks(table.chunks()), 1, 1, Grids.THREADS, 1), "adamw",
                floats(control, CONTROL_SIZE), settings.beta1(), settings.beta2(), settings.epsilon(),
                (float) (1 - Math.pow(settings.beta1(), settings.step())),
                (float) (1 - Math.pow(settings.beta2(), settings.step())));
    }

    @Override
    public void sgd(float rate, float decay, List<Buffer> values, List<Buffer> gradients, Buffer control) {
        var table = new TensorTable(values.size());
        for (int i = 0; i < values.size(); i++) {
            long n = values.get(i).size();
            table.add(floats(values.get(i), n), floats(gradients.get(i), n), 0, 0, n, rate,
                    (float) (1 - (double) rate * decay));
        }
        overTensors(table, new Grid(grids.blocks(table.chunks()), 1, 1, Grids.THREADS, 1), "sgd",
                floats(control, CONTROL_SIZE));
    }

    /** Launches a kernel of optimizer.cu over all chunks of all tensors of the table. */
    private void overTensors(TensorTable table, Grid grid, String kernel, Object... rest) {
        if (table.count() == 0) {
            return;
        }
        try (var _ = memory().scope()) {
            var tensors = memory().allocate(DType.I32, table.words(), Purpose.WORKSPACE);
            table.upload(gpu, tensors);
            var arguments = new ArrayList<Object>(List.of(tensors.address(), table.count(), table.chunks()));
            arguments.addAll(List.of(rest));
            launch("optimizer", kernel, grid, 0, arguments.toArray());
        }
    }
}
