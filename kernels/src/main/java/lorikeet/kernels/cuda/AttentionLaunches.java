package lorikeet.kernels.cuda;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import lorikeet.kernels.AttentionShape;
import lorikeet.kernels.Matrix;
import lorikeet.kernels.Spans;
import lorikeet.kernels.cuda.Gpu.Grid;

/** Which kernels of attention.cuh compute one attention, on which grids, with which arguments. */
final class AttentionLaunches {
    /** Above this many queries per sequence, tiles of queries pay, and tensor cores with them; in generation there is one. */
    private static final int FEW_QUERIES = 8;

    /**
     * The tiles for heads of up to {@code size} numbers, as attention_32.cu and its like have them.
     *
     * @param module   what its name has behind {@code attention_}
     * @param warpRows of a tile that a warp owns
     */
    private record Tiles(String module, int warpRows, int size, int rows, int columns, int backRows, int backColumns) {

        int forwardBytes() {
            return Float.BYTES * ((rows + 2 * columns) * (size + 4) + rows * (columns + 4));
        }

        int backwardBytes() {
            return Float.BYTES
                    * (2 * (backRows + backColumns) * (size + 4) + backRows * (backColumns + 4) + 2 * backColumns);
        }
    }

    private static final List<Tiles> FP32 = List.of(new Tiles("32", 8, 32, 64, 32, 64, 32),
            new Tiles("64", 8, 64, 64, 32, 64, 32), new Tiles("128", 8, 128, 32, 32, 32, 16),
            new Tiles("256", 8, 256, 16, 16, 8, 16));
    private static final List<Tiles> TF32 = List.of(new Tiles("tf32_32", 16, 32, 64, 32, 64, 32),
            new Tiles("tf32_64", 16, 64, 64, 32, 64, 32), new Tiles("tf32_128", 16, 128, 32, 32, 32, 16));

    private final CudaDevice device;
    private final Spans spans;
    private final AttentionShape shape;
    private final Tiles tiles;
    private final Object[] inputs;

    AttentionLaunches(CudaDevice device, Matrix q, Matrix k, Matrix v, Matrix prefixK, Matrix prefixV, Spans spans,
            AttentionShape shape) {
        this.device = device;
        this.spans = spans;
        this.shape = shape;
        boolean tf32 = device.usesTf32() && spans.longest() > FEW_QUERIES;
        tiles = (tf32 ? tiles(TF32) : Optional.<Tiles>empty()).or(() -> tiles(FP32))
                .orElseThrow(() -> new IllegalArgumentException("attention heads of " + shape.headSize()
                        + " numbers: on CUDA they have at most 256"));
        boolean drops = shape.dropout() > 0;
        inputs = new Object[] {address(q), stride(q), address(k), stride(k), address(v), stride(v), address(prefixK),
            stride(prefixK), address(prefixV), stride(prefixV), spans.table().address(), spans.sequences(),
            shape.heads(), shape.kvHeads(), shape.headSize(), shape.scale(), drops ? shape.dropout() : 0f,
            drops ? (float) (1 / (1 - (double) shape.dropout())) : 1f, shape.key().seed(), shape.key().stream(),
            spans.longestPrefix() + spans.longest()};
    }

    private Optional<Tiles> tiles(List<Tiles> table) {
        return table.stream().filter(t -> shape.headSize() <= t.size()).findFirst();
    }

    private static long address(Matrix x) {
        return x == null ? 0 : x.data().address();
    }

    private static int stride(Matrix x) {
        return x == null ? 0 : x.stride();
    }

    void forward(Matrix out, long logSumExp) {
        if (spans.longest() <= FEW_QUERIES && shape.dropout() == 0) {
            launch("attention_step_", new Grid(spans.sequences() * spans.longest(), shape.heads(), 1, 256, 1), 0,
                    address(out), stride(out), logSumExp);
        } else {
            launch("attention_", grid(spans.longest(), shape.heads(), tiles.rows()), tiles.forwardBytes(), address(out),
                    stride(out), logSumExp);
        }
    }

    /**
     * @param terms   workspace, [heads, tokens, 2]
     * @param sharesK workspace for what each sequence adds to the gradient of its prefix, [sequences, longest prefix,
     *                kvHeads · headSize], likewise {@code sharesV}; both 0 if that gradient is not wanted
     */
    void backward(Matrix dq, Matrix dk, Matrix dv, Matrix dPrefixK, Matrix dPrefixV, Matrix dout, Matrix out,
            long logSumExp, long terms, long sharesK, long sharesV) {
        launch("attention_queries_", grid(spans.longest(), shape.heads(), tiles.backRows()), tiles.backwardBytes(),
                address(dq), stride(dq), terms, address(dout), stride(dout), address(out), stride(out), logSumExp);
        boolean prefix = sharesK != 0;
        launch("attention_keys_",
                grid(spans.longest() + (prefix ? spans.longestPrefix() : 0), shape.kvHeads(), tiles.backRows()),
                tiles.backwardBytes(), address(dk), stride(dk), address(dv), stride(dv), sharesK, sharesV,
                spans.longestPrefix(), terms, address(dout), stride(dout));
        if (prefix) {
            int rows = dPrefixK.rows(), columns = dPrefixK.columns();
            device.launch("attention_prefix", "attention_prefix", device.grids().rows(rows, columns, 1), 0,
                    address(dPrefixK),
                    stride(dPrefixK), address(dPrefixV), stride(dPrefixV), sharesK, sharesV, spans.table().address(),
                    spans.sequences(), rows, columns, spans.longestPrefix());
        }
    }

    private Grid grid(int rows, int heads, int tileRows) {
        return new Grid(Math.multiplyExact(spans.sequences(), Math.ceilDiv(rows, tileRows)), heads, 1,
                tileRows / tiles.warpRows() * 32, 1);
    }

    private void launch(String kernel, Grid grid, int sharedBytes, Object... own) {
        var arguments = new ArrayList<>(Arrays.asList(own));
        arguments.addAll(Arrays.asList(inputs));
        device.launch("attention_" + tiles.module(), kernel + tiles.module(), grid, sharedBytes, arguments.toArray());
    }
}
