package lorikeet.kernels.cpu;

import java.util.LinkedHashMap;
import java.util.Map;
import lorikeet.kernels.DType;
import lorikeet.kernels.Memory;
import lorikeet.kernels.Purpose;
import lorikeet.kernels.cpu.OneDnn.Matmul;
import lorikeet.kernels.cpu.OneDnn.Product;

/**
 * Matrix products by oneDNN. A product is cut into blocks of c by a rule that looks at its shape only, and every block is
 * a single-threaded product: so the same team of threads serves everything on the device, and results do not depend on
 * its size.
 */
final class OneDnnProducts implements MatrixProducts {
    private static final int CACHED = 512;
    /** Multiplications in a block, about: long enough to outweigh handing it out, short enough to keep all cores busy. */
    private static final double BLOCK_WORK = 5e7;

    private final Parallel parallel;
    private final Memory memory;
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

    OneDnnProducts(Parallel parallel, Memory memory) {
        this.parallel = parallel;
        this.memory = memory;
        streams = new long[parallel.threads()];
        prepared = new Thread[parallel.threads()];
        for (int i = 0; i < streams.length; i++) {
            streams[i] = OneDnn.stream(engine);
        }
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
            long bias,
            boolean fast) {
        boolean byColumns = n >= m;
        int extent = byColumns ? n : m;
        int size = blockSize(extent, (double) m * n * k / BLOCK_WORK);
        int blocks = Math.ceilDiv(extent, size);
        int lastSize = extent - (blocks - 1) * size;
        prepare(0);
        var matmul = compile(c, a, b, byColumns ? m : size, byColumns ? size : n, k, alpha, add, bias, fast);
        var last = lastSize == size
                ? matmul
                : compile(c, a, b, byColumns ? m : lastSize, byColumns ? lastSize : n, k, alpha, add, bias, fast);
        long scratchBytes = Math.max(matmul.scratchBytes, last.scratchBytes) + 63 & -64;
        int tasks = Math.multiplyExact(batch, blocks);
        try (var _ = memory.scope()) {
            long scratch = scratchBytes == 0
                    ? 0
                    : memory.allocate(DType.F32, scratchBytes / 4 * Math.min(tasks, parallel.threads()),
                            Purpose.WORKSPACE)
                            .address();
            parallel.tasks(tasks, (task, worker) -> {
                prepare(worker);
                int t = task / blocks, block = task % blocks;
                long row = byColumns ? 0 : (long) block * size, column = byColumns ? (long) block * size : 0;
                (block == blocks - 1 ? last : matmul).run(streams[worker], worker, c.at(t, row, column),
                        a.at(t, row, 0),
                        b.at(t, 0, column), bias == 0 ? 0 : bias + 4 * column, scratch + worker * scratchBytes);
            });
        }
    }

    /** {@code extent} cut into about {@code parts} blocks of equal size, a multiple of 64. */
    private static int blockSize(int extent, double parts) {
        int blocks = (int) Math.clamp(parts, 1, 64);
        return Math.min(extent, (Math.ceilDiv(extent, blocks) + 63) / 64 * 64);
    }

    private Matmul compile(Operand c, Operand a, Operand b, int m, int n, int k, float alpha, boolean add, long bias,
            boolean fast) {
        int type = a.type() == DType.BF16 ? OneDnn.BF16 : OneDnn.F32;
        var product = new Product(m, n, k, type, a.row(), a.column(), b.row(), b.column(), c.row(), alpha, add,
                bias != 0, fast);
        var known = compiled.get(product);
        if (known == null) {
            known = new Matmul(engine, product, parallel.threads());
            compiled.put(product, known);
        }
        return known;
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
