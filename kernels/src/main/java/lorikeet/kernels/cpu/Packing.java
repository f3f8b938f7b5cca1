package lorikeet.kernels.cpu;

import java.util.HashMap;
import java.util.Map;
import lorikeet.kernels.Buffer;
import lorikeet.kernels.DType;
import lorikeet.kernels.DryDevice;
import lorikeet.kernels.Matrix;
import lorikeet.kernels.Memory;
import lorikeet.kernels.Precision;
import lorikeet.kernels.Purpose;
import lorikeet.kernels.cpu.Matmul.Product;

/**
 * Frozen matrices as a CPU with AMX keeps them in precision FAST: in bf16, cut into panels of columns, each in the order in
 * which oneDNN's products read it; a copy for each direction in which a matrix is used. Where the numbers lie in a file too, the
 * copies stand in place of the 32-bit ones, else beside them. What that takes is known without the numbers, for plans.
 */
public final class Packing implements DryDevice.Copies {
    /** Products with a shorter side than this gain nothing from bf16. */
    static final int LEAST = 32;
    /** Columns of a panel, widest first: whole tiles of AMX in oneDNN's order, which has 64 side by side. */
    private static final int[] WIDTHS = {256, 192, 128};
    /** From this many panels on it does not matter whether threads get equally many. */
    private static final int MANY = 16;

    /** What a copy was made of. */
    private record Form(long offset, int k, int n, int stride, boolean transposed) {}

    private record Panel(int k, int width) {}

    private final Map<Panel, Long> sizes = new HashMap<>();

    private Packing() {}

    /** How this machine packs frozen matrices, or null if it does not. */
    public static Packing here(Precision precision) {
        return precision == Precision.FAST && OneDnn.PROBLEM == null && available() ? new Packing() : null;
    }

    /** Whether oneDNN has the instructions. They come with vectors of 512 bits, unless Java was told not to use those. */
    static boolean available() {
        return OneDnn.hasAmx() && Vectors.LANES == 16;
    }

    /** Whether products of this batch size read the right factor {@code b} packed. */
    public static boolean takes(Matrix b, int batch) {
        return b.data().frozen() && b.data().dtype() == DType.F32 && b.batch() == 1 && batch == 1
                && Math.min(b.rows(), b.columns()) >= LEAST;
    }

    /** Columns of a panel, so that their number is even or large; the last one may have fewer, but takes as much room. */
    static int width(int n) {
        if (n < 1.5 * WIDTHS[0]) {
            return n;
        }
        for (int width : WIDTHS) {
            int panels = Math.ceilDiv(n, width);
            if (panels % 2 == 0 || panels >= MANY) {
                return width;
            }
        }
        return WIDTHS[0];
    }

    static int panels(int n) {
        return Math.ceilDiv(n, width(n));
    }

    /** Bytes from one panel to the next, given those of one. */
    static long panelBytes(long bytes) {
        return bytes + 63 & -64;
    }

    /** Bytes of a packed matrix [k, n]. */
    private long bytes(int k, int n) {
        return panels(n) * sizes.computeIfAbsent(new Panel(k, width(n)), Packing::measure);
    }

    private static long measure(Panel panel) {
        OneDnn.useThisThreadOnly();
        long engine = OneDnn.engine();
        var product = new Product(DType.BF16, -1, panel.width, panel.k, panel.k, 1, 0, 0, panel.width, 1, false,
                false);
        var matmul = new Matmul(engine, product, null, 1);
        long bytes = panelBytes(matmul.bBytes);
        matmul.close();
        OneDnn.freeEngine(engine);
        return bytes;
    }

    /** Fills a copy. */
    interface Filling {
        void fill(Buffer copy);
    }

    /** The packed copy of {@code b}, made by {@code filling} at the first call. */
    static Buffer copy(Memory memory, Matrix b, long bytes, Filling filling) {
        var form = new Form(b.data().offset(), b.height(), b.width(), b.stride(), b.transposed());
        var copy = b.data().copy(form, () -> memory.allOrNothing(() -> {
            var made = memory.allocateOwned(DType.BF16, bytes / 2, Purpose.WEIGHTS);
            filling.fill(made);
            return made;
        }));
        b.data().rest();
        return copy;
    }

    @Override
    public void book(Memory memory, Matrix b, int batch) {
        if (takes(b, batch)) {
            copy(memory, b, bytes(b.height(), b.width()), _ -> {});
        }
    }
}
