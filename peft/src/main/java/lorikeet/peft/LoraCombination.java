package lorikeet.peft;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import lorikeet.model.Decoder;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;

/** One LoRA out of several, each with a weight, as Hugging Face PEFT's {@code add_weighted_adapter} has it. */
public enum LoraCombination {
    /**
     * The A's on top of each other and the B's side by side: exactly the weighted sum of what the adapters do, at the sum
     * of their ranks.
     */
    CAT,
    /** The best approximation of that sum at the largest of their ranks. */
    SVD,
    /**
     * The sum of the A's and the sum of the B's, each adapter's with the root of its weight. Their product also multiplies
     * one adapter's A by another's B: it is not the sum of what the adapters do. All need the same rank.
     */
    LINEAR;

    /**
     * Attaches the combination to a decoder. The adapters stay as they are; they should not be plugged in beside it.
     *
     * @param adapters on decoders of the same shape
     * @param weights  of the adapters, in their order; negative ones take away what an adapter does
     * @throws IllegalArgumentException if an adapter is no LoRA, or trains more than its pairs
     */
    public Adapter of(Decoder decoder, List<Adapter> adapters, float... weights) {
        if (adapters.isEmpty() || adapters.size() != weights.length) {
            throw new IllegalArgumentException(weights.length + " weights for " + adapters.size() + " adapters");
        }
        var layers = new LinkedHashMap<String, List<LoraPair>>();
        for (int i = 0; i < weights.length; i++) {
            collect(adapters.get(i).stored(), weights[i], decoder, layers);
        }
        var joined = new LinkedHashMap<String, LoraPair>();
        layers.forEach((layer, pairs) -> joined.put(layer, join(layer, pairs)));
        return attach(decoder, joined);
    }

    private static void collect(Stored stored, float weight, Decoder decoder, Map<String, List<LoraPair>> layers) {
        if (!(stored.method() instanceof Lora lora) || lora.variant().bias() != LoraBias.NONE) {
            throw new IllegalArgumentException("only LoRA adapters that train no biases can be combined");
        }
        LoraPair.of(stored, decoder.shape())
                .forEach((layer, pair) -> layers.computeIfAbsent(layer, _ -> new ArrayList<>())
                        .add(new LoraPair(pair.a(), pair.b(), weight * pair.factor())));
    }

    private LoraPair join(String layer, List<LoraPair> pairs) {
        return switch (this) {
            case CAT -> cat(pairs);
            case SVD -> {
                var sum = cat(pairs);
                int rank = pairs.stream().mapToInt(LoraPair::rank).max().orElseThrow();
                var best = LowRank.ofProduct(sum.b(), sum.a(), rank);
                yield new LoraPair(HostMatrix.of(best.right(0), rank, sum.a().numCols),
                        HostMatrix.of(best.left(1), sum.b().numRows, rank),
                        1);
            }
            case LINEAR -> linear(layer, pairs);
        };
    }

    private static LoraPair cat(List<LoraPair> pairs) {
        int rank = pairs.stream().mapToInt(LoraPair::rank).sum();
        var a = new DMatrixRMaj(rank, pairs.getFirst().a().numCols);
        var b = new DMatrixRMaj(pairs.getFirst().b().numRows, rank);
        int at = 0;
        for (var pair : pairs) {
            CommonOps_DDRM.insert(scaled(pair.a(), pair.factor()), a, at, 0);
            CommonOps_DDRM.insert(pair.b(), b, 0, at);
            at += pair.rank();
        }
        return new LoraPair(a, b, 1);
    }

    private static LoraPair linear(String layer, List<LoraPair> pairs) {
        if (pairs.stream().mapToInt(LoraPair::rank).distinct().count() > 1) {
            throw new IllegalArgumentException("a linear combination needs adapters of one rank: " + layer + " has "
                    + pairs.stream().map(LoraPair::rank).toList());
        }
        var first = pairs.getFirst();
        var a = new DMatrixRMaj(first.a().numRows, first.a().numCols);
        var b = new DMatrixRMaj(first.b().numRows, first.b().numCols);
        for (var pair : pairs) {
            double root = Math.sqrt(Math.abs(pair.factor()));
            CommonOps_DDRM.addEquals(a, root, pair.a());
            CommonOps_DDRM.addEquals(b, Math.copySign(root, pair.factor()), pair.b());
        }
        return new LoraPair(a, b, 1);
    }

    private static Adapter attach(Decoder decoder, Map<String, LoraPair> pairs) {
        int rank = pairs.values().iterator().next().rank();
        var ranks = new LinkedHashMap<String, Integer>();
        var alphas = new LinkedHashMap<String, Float>(); // as large as the rank: everything is in A and B
        pairs.forEach((layer, pair) -> {
            if (pair.rank() != rank) {
                ranks.put(layer, pair.rank());
                alphas.put(layer, (float) pair.rank());
            }
        });
        var method = new Lora(rank, rank, 0, Targets.of(pairs.keySet().toArray(String[]::new)),
                LoraVariant.PLAIN.withPatterns(ranks, alphas));
        var adapter = method.attach(decoder, 0);
        for (var place : method.targets().in(decoder.shape())) {
            var pair = pairs.get(place.layer());
            upload(adapter, LoraPair.name(place, "A"), pair.a());
            upload(adapter, LoraPair.name(place, "B"), pair.b());
        }
        return adapter;
    }

    private static void upload(Adapter adapter, String name, DMatrixRMaj values) {
        var tensor = adapter.parameters().get(name);
        var numbers = new float[values.data.length];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = (float) values.data[i];
        }
        tensor.device().upload(tensor.data(), numbers);
    }

    private static DMatrixRMaj scaled(DMatrixRMaj matrix, double factor) {
        var scaled = matrix.copy();
        CommonOps_DDRM.scale(factor, scaled);
        return scaled;
    }
}
