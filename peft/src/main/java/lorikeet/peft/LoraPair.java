package lorikeet.peft;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.IntStream;
import lorikeet.model.ModelShape;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;

/**
 * LoRA's A and B beside one layer, as files hold them: its weight, [in, out], changes by factor · (B A)ᵀ.
 *
 * @param a      [rank, in]
 * @param b      [out, rank]
 * @param factor the scale, usually alpha / rank
 */
public record LoraPair(DMatrixRMaj a, DMatrixRMaj b, double factor) {

    /**
     * The pairs of a LoRA adapter by the name of their layer, in the order of the layers.
     *
     * @throws IllegalArgumentException if it is no LoRA
     */
    public static Map<String, LoraPair> of(Stored stored, ModelShape shape) {
        if (!(stored.method() instanceof Lora lora)) {
            throw new IllegalArgumentException(stored.method().name() + " has no A and B alone");
        }
        var pairs = new LinkedHashMap<String, LoraPair>();
        for (var place : lora.targets().in(shape)) {
            pairs.put(place.layer(), new LoraPair(matrix(stored.tensors().get(name(place, "A"))),
                    matrix(stored.tensors().get(name(place, "B"))), lora.scale(place)));
        }
        return pairs;
    }

    /** What the parameter {@code A} or {@code B} at this place is called. */
    static String name(Target place, String matrix) {
        return place.isEmbedding()
                ? place.layer() + ".lora_embedding_" + matrix
                : place.parameter("lora_" + matrix);
    }

    public int rank() {
        return a.numRows;
    }

    /** What of it reaches {@code count} of the layer's outputs: rows of A without a number in B there are left out. */
    public LoraPair part(int from, int count) {
        var reaching = IntStream.range(0, rank())
                .filter(r -> IntStream.range(from, from + count).anyMatch(row -> b.get(row, r) != 0)).toArray();
        var rows = IntStream.range(from, from + count).toArray();
        return new LoraPair(extract(a, reaching, IntStream.range(0, a.numCols).toArray()), extract(b, rows, reaching),
                factor);
    }

    private static DMatrixRMaj extract(DMatrixRMaj matrix, int[] rows, int[] columns) {
        var part = new DMatrixRMaj(rows.length, columns.length);
        CommonOps_DDRM.extract(matrix, rows, rows.length, columns, columns.length, part);
        return part;
    }

    private static DMatrixRMaj matrix(Stored.Values values) {
        return HostMatrix.of(values.numbers(), values.shape().dim(0), values.shape().dim(1));
    }
}
