package lorikeet.kernels.cpu;

import java.util.LinkedHashMap;
import java.util.Map;
import lorikeet.kernels.DType;
import lorikeet.kernels.Matrix;
import lorikeet.kernels.Memory;
import lorikeet.kernels.Purpose;
import lorikeet.kernels.cpu.Matmul.Product;

/**
 * Matrix products by oneDNN. A product is cut into blocks of c by a rule that looks at its shape only, and each block is a
 * single-threaded product: the same team of threads serves everything on the device, and results do not depend on its size.
 *
 * <p>F32 on x86-64 goes to {@code dnnl_sgemm}: as fast as the best compiled product of every shape, never slow for
 * unlucky strides, and without compilation. Everything else goes to compiled products.
 */
final class OneDnnProducts implements MatrixProducts {
    private static final int CACHED = 256;

    private final Parallel parallel;
    private final Memory memory;
    private final boolean useSgemm;
    private final long engine = OneDnn.engine();
    private final long[] streams;
    private final Thread[] prepared;
    private final Map<Product, Matmul> compiled = new LinkedHashMap<>(64, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<Product, Matmul> eldest) {
            if (size() > CACHED) {
                eldest.getValue().close();
                return true;
            }
            return false;
        }
    };

    OneDnnProducts(Parallel parallel, Memory memory, boolean useSgemm) {
        this.parallel = parallel;
        this.memory = memory;
        this.useSgemm = useSgemm;
        streams = new long[parallel.threads()];
        prepared = new Thread[parallel.threads()];
        for (int i = 0; i < streams.length; i++) {
            streams[i] = OneDnn.stream(engine);
        }
    }

    /** Whether oneDNN has fast F32 code for this processor at all: elsewhere its reference code would be slower than ours. */
    static boolean suitsThisProcessor() {
        if (isX86()) {
            return true;
        }
        long engine = OneDnn.engine();
        var sample = new Matmul(engine, new Product(DType.F32, 64, 64, 64, 64, 1, 64, 1, 64, 1, false, false),
                null, 1);
        boolean suits = sample.implementation().startsWith("brg");
        sample.close();
        OneDnn.freeEngine(engine);
        return suits;
    }

    static boolean isX86() {
        return switch (System.getProperty("os.arch")) {
            case "amd64", "x86_64" -> true;
            default -> false;
        };
    }

    @Override
    public boolean takesBf16() {
        return OneDnn.hasBf16();
    }

    @Override
    public String description() {
        return "oneDNN" + (OneDnn.hasAmx() ? " with AMX" : OneDnn.hasBf16() ? " with AVX-512 bf16" : " without bf16");
    }

    @Override
    public void multiply(Operand c, Operand a, Operand b, int m, int n, int k, int batch, float alpha, boolean add,
            long bias) {
        if (a.type() == DType.F32 && useSgemm) {
            var blocks = Blocks.of(m, n, k, 256, 384);
            parallel.tasks(Math.multiplyExact(batch, blocks.count()), (task, worker) -> {
                int t = task / blocks.count(), block = task % blocks.count();
                int i = blocks.row(block), j = blocks.column(block), rows = blocks.rows(block),
                        columns = blocks.columns(block);
                tile(worker, c.at(t, i, j), c.row(), a.at(t, i, 0), a.row(), a.column(), b.at(t, 0, j), b.row(),
                        b.column(),
                        rows, columns, k, alpha, add, 0);
                addBias(c, t, i, j, rows, columns, bias);
            });
            return;
        }
        var blocks = Blocks.of(m, n, k, k > 8192 ? 128 : 512, 256);
        prepare(0);
        var form = new Form(a, b, c.row(), k, alpha, add, bias != 0 && alpha == 1);
        int last = blocks.count() - 1;
        var inner = compile(form, blocks.rows(0), blocks.columns(0));
        var right = compile(form, blocks.rows(0), blocks.columns(last));
        var lower = compile(form, blocks.rows(last), blocks.columns(0));
        var corner = compile(form, blocks.rows(last), blocks.columns(last));
        long scratchBytes = Math.max(Math.max(inner.scratchBytes, right.scratchBytes),
                Math.max(lower.scratchBytes, corner.scratchBytes)) + 63 & -64;
        var workspace = memory.allocateOwned(DType.F32, scratchBytes / 4 * parallel.threads(), Purpose.WORKSPACE);
        try {
            long scratch = workspace.address();
            parallel.tasks(Math.multiplyExact(batch, blocks.count()), (task, worker) -> {
                prepare(worker);
                int t = task / blocks.count(), block = task % blocks.count();
                int i = blocks.row(block), j = blocks.column(block), rows = blocks.rows(block),
                        columns = blocks.columns(block);
                boolean full = columns == blocks.columns(0);
                var matmul = rows == blocks.rows(0) ? full ? inner : right : full ? lower : corner;
                matmul.run(streams[worker], worker, rows, c.at(t, i, j), a.at(t, i, 0), b.at(t, 0, j), bias + 4L * j,
                        scratch + worker * scratchBytes);
                if (!form.bias) {
                    addBias(c, t, i, j, rows, columns, bias);
                }
            });
        } finally {
            workspace.release();
        }
    }

    @Override
    public boolean packs() {
        return Packing.available();
    }

    @Override
    public void multiplyPacked(Operand c, Operand a, Matrix b, int m, int n, int k, float alpha, boolean add,
            long bias) {
        prepare(0);
        int height = Blocks.part(m, 512), width = Packing.width(n), panels = Packing.panels(n);
        var form = new Form(a, PACKED, c.row(), k, alpha, add, bias != 0 && alpha == 1);
        var full = compile(form, 1, width);
        int lastWidth = n - (panels - 1) * width;
        var last = lastWidth == width ? full : compile(form, 1, lastWidth);
        long panelBytes = Packing.panelBytes(full.bBytes);
        var packed = Packing.copy(memory, b, panels * panelBytes, copy -> {
            long row = b.transposed() ? 1 : b.stride(), column = b.transposed() ? b.stride() : 1;
            parallel.tasks(panels, (p, worker) -> {
                prepare(worker);
                (p + 1 < panels ? full : last).pack(streams[worker], copy.address() + p * panelBytes,
                        b.data().address() + 4 * p * width * column, row, column);
            });
        });
        long scratchBytes = Math.max(full.scratchBytes, last.scratchBytes) + 63 & -64;
        var workspace = memory.allocateOwned(DType.F32, scratchBytes / 4 * parallel.threads(), Purpose.WORKSPACE);
        try {
            long scratch = workspace.address();
            parallel.tasks(panels * Math.ceilDiv(m, height), (task, worker) -> {
                prepare(worker);
                int p = task % panels, i = task / panels * height, j = p * width;
                int rows = Math.min(height, m - i);
                (p + 1 < panels ? full : last).run(streams[worker], worker, rows, c.at(0, i, j), a.at(0, i, 0),
                        packed.address() + p * panelBytes, bias + 4L * j, scratch + worker * scratchBytes);
                if (!form.bias) {
                    addBias(c, 0, i, j, rows, Math.min(width, n - j), bias);
                }
            });
        } finally {
            workspace.release();
        }
    }

    private static void addBias(Operand c, int t, int i, int j, int rows, int columns, long bias) {
        for (int r = i; r < i + rows && bias != 0; r++) {
            long row = c.at(t, r, j);
            Elementwise.addRun(row, row, bias + 4L * j, columns);
        }
    }

    /** A packed right factor has no strides. */
    private static final Operand PACKED = new Operand(0, DType.BF16, 0, 0, 0);

    /** What the blocks of a product have in common; {@code bias}: whether the library adds it. */
    private record Form(Operand a, Operand b, long cRow, int k, float alpha, boolean add, boolean bias) {}

    private Matmul compile(Form form, int m, int n) {
        var a = form.a;
        var b = form.b;
        return compiled(
                new Product(a.type(), Product.compiledRows(a.type(), m), n, form.k, a.row(), a.column(), b.row(),
                        b.column(), form.cRow, form.alpha, form.add, form.bias));
    }

    private Matmul compiled(Product product) {
        var known = compiled.get(product);
        if (known == null) {
            boolean leads = !product.packed() || product.equals(product.leader());
            known = new Matmul(engine, product, leads ? null : compiled(product.leader()), parallel.threads());
            compiled.put(product, known);
        }
        return known;
    }

    @Override
    public void tile(int worker, long c, long cRow, long a, long aRow, long aColumn, long b, long bRow, long bColumn,
            int m,
            int n, int k, float alpha, boolean add, long scratch) {
        prepare(worker);
        // A single row or column has no stride of its own: any that is long enough will do.
        boolean transposeA = aColumn != 1 || aRow < k, transposeB = bColumn != 1 || bRow < n;
        OneDnn.sgemm(transposeA, transposeB, m, n, k, alpha, a, transposeA ? aColumn : aRow, b,
                transposeB ? bColumn : bRow,
                add ? 1 : 0, c, cRow);
    }

    @Override
    public long tileScratch(int k) {
        return 0;
    }

    private void prepare(int worker) {
        if (prepared[worker] != Thread.currentThread()) {
            OneDnn.useThisThreadOnly();
            prepared[worker] = Thread.currentThread();
        }
    }

    @Override
    public void close() {
        compiled.values().forEach(Matmul::close);
        compiled.clear();
        for (long stream : streams) {
            OneDnn.freeStream(stream);
        }
        OneDnn.freeEngine(engine);
    }
}
