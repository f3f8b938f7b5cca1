package lorikeet.peft.explain;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.DoubleStream;
import lorikeet.engine.Tensor;
import lorikeet.model.Decoder;
import lorikeet.peft.Adapter;
import lorikeet.peft.Lora;
import lorikeet.peft.LoraPair;
import lorikeet.peft.LowRank;
import lorikeet.peft.Mergeable;
import lorikeet.peft.Selection;
import lorikeet.peft.Target;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;

/**
 * What an adapter adds to one matrix of the base, ΔW = W' − W = U Σ Vᵀ. Queries, keys and values each have their own.
 *
 * @param place  where
 * @param weight W, [in, out]
 * @param change ΔW without the singular values that are nothing but rounding
 * @param a      the directions in which LoRA's A reads, its right singular vectors, as columns, [in, rank]; null for other
 *               methods
 */
record WeightDelta(Target place, DMatrixRMaj weight, LowRank change, DMatrixRMaj a) {
    /** Singular values below this share of the largest are rounding. */
    private static final double ROUNDING = 1e-6;

    /**
     * Of all matrices that the adapter changes, in the order of the layers. The adapter ends as it was, plugged in; base
     * weights must be in 32 bits.
     */
    static List<WeightDelta> of(Decoder decoder, Adapter adapter) {
        return switch (adapter) {
            case Mergeable _ when adapter.method() instanceof Lora -> ofProducts(decoder, adapter);
            case Mergeable mergeable -> ofMerged(decoder, mergeable);
            case Selection.Attached _ -> ofTrained(decoder, adapter);
            default -> List.of();
        };
    }

    /** LoRA's are products of thin matrices, which are never multiplied out. */
    private static List<WeightDelta> ofProducts(Decoder decoder, Adapter adapter) {
        var pairs = LoraPair.of(adapter.stored(), decoder.shape());
        var deltas = new ArrayList<WeightDelta>();
        for (var place : Target.finest(decoder.shape())) {
            var whole = pairs.get(place.layer());
            if (whole != null) {
                var pair = whole.part(place.from(), place.out());
                if (pair.rank() > 0) {
                    deltas.add(ofProduct(place, matrix(place, weight(decoder, place)), pair));
                }
            }
        }
        return deltas;
    }

    private static WeightDelta ofProduct(Target place, DMatrixRMaj weight, LoraPair pair) {
        int rank = Math.min(pair.rank(), Math.min(place.in(), place.out()));
        var left = CommonOps_DDRM.transpose(pair.a(), null);
        CommonOps_DDRM.scale(pair.factor(), left);
        var change = LowRank.ofProduct(left, CommonOps_DDRM.transpose(pair.b(), null), rank);
        var reads = LowRank.of(pair.a().copy(), Math.min(pair.rank(), place.in()));
        return new WeightDelta(place, weight, withoutRounding(change),
                CommonOps_DDRM.transpose(withoutRounding(reads).vT(), null));
    }

    private static List<WeightDelta> ofMerged(Decoder decoder, Mergeable adapter) {
        adapter.unplug();
        var before = linears(decoder);
        adapter.merge();
        var after = linears(decoder);
        adapter.unmerge();
        return between(decoder, before, after);
    }

    private static List<WeightDelta> ofTrained(Decoder decoder, Adapter adapter) {
        var after = linears(decoder);
        adapter.unplug();
        var before = linears(decoder);
        adapter.plug();
        return between(decoder, before, after);
    }

    private static Map<String, float[]> linears(Decoder decoder) {
        var numbers = new HashMap<String, float[]>();
        decoder.linears().forEach(linear -> numbers.put(linear.name(), linear.weight().toArray()));
        return numbers;
    }

    private static List<WeightDelta> between(Decoder decoder, Map<String, float[]> before, Map<String, float[]> after) {
        return Target.finest(decoder.shape()).stream().filter(place -> before.containsKey(place.layer())
                && !Arrays.equals(before.get(place.layer()), after.get(place.layer()))).parallel().map(place -> {
                    var weight = matrix(place, before.get(place.layer()));
                    var change = CommonOps_DDRM.subtract(matrix(place, after.get(place.layer())), weight, null);
                    return new WeightDelta(place, weight,
                            withoutRounding(LowRank.of(change, Math.min(place.in(), place.out()))), null);
                }).filter(delta -> delta.change.values()[0] > 0).toList();
    }

    private static float[] weight(Decoder decoder, Target place) {
        Tensor weight = place.isEmbedding() ? decoder.tokenEmbedding() : decoder.linear(place.layer()).weight();
        return weight.toArray();
    }

    /** The place's columns of its layer's weight. */
    private static DMatrixRMaj matrix(Target place, float[] weight) {
        int columns = weight.length / place.in();
        var matrix = new DMatrixRMaj(place.in(), place.out());
        for (int i = 0; i < place.in(); i++) {
            for (int o = 0; o < place.out(); o++) {
                matrix.set(i, o, weight[i * columns + place.from() + o]);
            }
        }
        return matrix;
    }

    private static LowRank withoutRounding(LowRank whole) {
        var values = whole.values();
        int count = (int) DoubleStream.of(values).filter(value -> value > ROUNDING * values[0]).count();
        return count == values.length || count == 0
                ? whole
                : new LowRank(CommonOps_DDRM.extract(whole.u(), 0, whole.u().numRows, 0, count),
                        Arrays.copyOf(values, count),
                        CommonOps_DDRM.extract(whole.vT(), 0, count, 0, whole.vT().numCols));
    }

    /** ‖ΔW‖, Frobenius norm. */
    double norm() {
        return Math.sqrt(DoubleStream.of(change.values()).map(value -> value * value).sum());
    }

    /**
     * The effective rank of Roy and Vetterli (2007): e^H, where H is the entropy of the singular values as shares of their
     * sum. It is 1 where one value is all and the number of values where they are equal.
     */
    double effectiveRank() {
        double sum = DoubleStream.of(change.values()).sum();
        return Math.exp(-DoubleStream.of(change.values()).map(value -> value / sum)
                .map(share -> share == 0 ? 0 : share * Math.log(share)).sum());
    }
}
