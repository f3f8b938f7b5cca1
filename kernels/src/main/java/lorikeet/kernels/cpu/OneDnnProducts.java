package lorikeet.kernels.cpu;

import java.util.LinkedHashMap;
import java.util.Map;
import lorikeet.kernels.Buffer;
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
                        b.column(), rows, columns, k, alpha, add, 0);
                addBias(c.at(t, i, j), c.row(), rows, columns, bias, j);
            });
            return;
        }
        var blocks = Blocks.of(m, n, k, k > 8192 ? 128 : 512, 256).ofWhole(Matmul.WHOLE_TILES);
        prepare(0);
        var form = new Form(a, b, c.row(), k, alpha, add, bias);
        int last = blocks.count() - 1;
        var inner = compile(form, blocks.rows(0), blocks.columns(0));
        var right = compile(form, blocks.rows(0), blocks.columns(last));
        var lower = compile(form, blocks.rows(last), blocks.columns(0));
        var corner = compile(form, blocks.rows(last), blocks.columns(last));
        try (var scratch = new Scratch(form, blocks, inner, right, lower, corner)) {
            parallel.tasks(Math.multiplyExact(batch, blocks.count()), (task, worker) -> {
                int t = task / blocks.count(), block = task % blocks.count();
                int i = blocks.row(block), j = blocks.column(block), rows = blocks.rows(block);
                boolean full = blocks.columns(block) == blocks.columns(0);
                var matmul = rows == blocks.rows(0) ? full ? inner : right : full ? lower : corner;
                run(matmul, form, worker, rows, c.at(t, i, j), a.at(t, i, 0), b.at(t, 0, j), j, scratch);
            });
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
        var blocks = new Blocks(m, n, Blocks.part(m, 512), Packing.width(n)).ofWhole(Matmul.WHOLE_TILES);
        int panels = blocks.across();
        var form = new Form(a, PACKED, c.row(), k, alpha, add, bias);
        var full = compile(form, 1, blocks.columns(0));
        var last = compile(form, 1, blocks.columns(panels - 1));
        long panelBytes = Packing.panelBytes(full.bBytes);
        var packed = Packing.copy(memory, b, panels * panelBytes, copy -> {
            long row = b.transposed() ? 1 : b.stride(), column = b.transposed() ? b.stride() : 1;
            parallel.tasks(panels, (p, worker) -> {
                prepare(worker);
                (p + 1 < panels ? full : last).pack(streams[worker], copy.address() + p * panelBytes,
                        b.data().address() + 4 * blocks.column(p) * column, row, column);
            });
        });
        try (var scratch = new Scratch(form, blocks, full, last)) {
            parallel.tasks(blocks.count(), (task, worker) -> {
                int i = blocks.row(task), j = blocks.column(task), p = task % panels;
                run(p + 1 < panels ? full : last, form, worker, blocks.rows(task), c.at(0, i, j), a.at(0, i, 0),
                        packed.address() + p * panelBytes, j, scratch);
            });
        }
    }

    /** One block of c, from its column {@code j} on, in the calling thread, which is {@code worker}. */
    private void run(Matmul matmul, Form form, int worker, int rows, long c, long a, long b, int j, Scratch scratch) {
        prepare(worker);
        long own = scratch.of(worker), block = form.beside() ? own + scratch.libraryBytes : c;
        int columns = matmul.columns();
        matmul.run(streams[worker], worker, rows, block, a, b, form.bias + 4L * j, own);
        if (form.beside()) {
            addRows(c, form.cRow, block, columns, rows, columns);
        }
        if (!form.addsBias()) {
            addBias(c, form.cRow, rows, columns, form.bias, j);
        }
    }

    private static void addBias(long c, long cRow, int rows, int columns, long bias, int j) {
        if (bias != 0) {
            addRows(c, cRow, bias + 4L * j, 0, rows, columns);
        }
    }

    /** c += x, of which rows start {@code xRow} elements apart: none where one row is added to each. */
    private static void addRows(long c, long cRow, long x, long xRow, int rows, int columns) {
        for (int r = 0; r < rows; r++) {
            long row = c + 4 * r * cRow;
            Elementwise.addRun(row, row, x + 4 * r * xRow, columns);
        }
    }

    /** Each worker's space for what the library asks for and, behind that, for a block beside c. */
    private final class Scratch implements AutoCloseable {
        final long libraryBytes;
        private final long bytes;
        private final Buffer workspace;

        Scratch(Form form, Blocks blocks, Matmul... products) {
            long most = 0;
            for (var product : products) {
                most = Math.max(most, product.scratchBytes);
            }
            libraryBytes = most + 63 & -64;
            bytes = libraryBytes + (form.beside() ? 4L * blocks.height() * blocks.width() + 63 & -64 : 0);
            workspace = memory.allocateOwned(DType.F32, bytes / 4 * parallel.threads(), Purpose.WORKSPACE);
        }

        long of(int worker) {
            return workspace.address() + worker * bytes;
        }

        @Override
        public void close() {
            workspace.release();
        }
    }

    /** A packed right factor has no strides. */
    private static final Operand PACKED = new Operand(0, DType.BF16, 0, 0, 0);

    /** What the blocks of a product have in common; {@code bias} is the address of a row, or 0. */
    private record Form(Operand a, Operand b, long cRow, int k, float alpha, boolean add, long bias) {

        /** Whether the library adds the bias. */
        boolean addsBias() {
            return bias != 0 && alpha == 1;
        }

        /** Whether a block is computed beside c and then added to it. */
        boolean beside() {
            return add && !Product.addsRightly(a.type(), k);
        }
    }

    private Matmul compile(Form form, int m, int n) {
        var a = form.a;
        var b = form.b;
        boolean beside = form.beside();
        return compiled(
                new Product(a.type(), Product.compiledRows(a.type(), m), n, form.k, a.row(), a.column(), b.row(),
                        b.column(), beside ? n : form.cRow, form.alpha, form.add && !beside, form.addsBias()));
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
