package lorikeet.peft;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import lorikeet.engine.Shape;
import lorikeet.engine.Tensor;

/**
 * LoRA in its files, where each layer has one A and one B. Several pairs beside one layer, one for queries and one for
 * values, say, become one pair of their summed rank: the A's on top of each other, the B's as blocks, each in its own
 * columns and in the rows of its part. PiSSA's pair is joined by the negative of its first values. Alpha grows with the
 * rank, so that the scale stays.
 */
final class LoraStored {
    private final BranchAdapter adapter;
    private final Lora lora;
    private final Map<String, List<Pair>> layers = new LinkedHashMap<>();
    private final Map<String, Tensor> others;

    /** A and B beside some outputs of a layer, times sign. */
    private record Pair(Lora.Branch branch, float[] a, float[] b, int sign) {
        int rank() {
            return branch.a.shape().dim(0);
        }

        boolean isWhole() {
            return !branch.place.isPart() && sign > 0;
        }
    }

    private LoraStored(BranchAdapter adapter) {
        this.adapter = adapter;
        lora = adapter.method() instanceof Dora(Lora inner) ? inner : (Lora) adapter.method();
        others = new LinkedHashMap<>(adapter.parameters());
        for (var branch : adapter.branches()) {
            switch (branch) {
                case Lora.Branch pair -> add(pair, pair.a.toArray(), pair.b.toArray(), 1);
                case Dora.Branch dora -> add(dora.direction, dora.direction.a.toArray(), dora.direction.b.toArray(), 1);
                case Pissa pissa -> add(pissa.branch, pissa.firstA, pissa.firstB, -1);
                default -> {} // stored as it is
            }
        }
    }

    private void add(Lora.Branch branch, float[] a, float[] b, int sign) {
        layers.computeIfAbsent(branch.place.layer(), _ -> new ArrayList<>()).add(new Pair(branch, a, b, sign));
        others.remove(branch.place.parameter("lora_A"));
        others.remove(branch.place.parameter("lora_B"));
    }

    static Stored of(BranchAdapter adapter) {
        var parts = new LoraStored(adapter);
        var stored = parts.layers.values().stream().allMatch(pairs -> pairs.size() == 1 && pairs.getFirst().isWhole())
                ? Stored.of(adapter)
                : parts.joined();
        return new Stored(stored.method() instanceof Dora(Lora inner)
                ? new Dora(parts.listed(inner))
                : parts.listed((Lora) stored.method()), stored.tensors());
    }

    /** The same, with its layers listed where PEFT would not find them otherwise, in targets and in patterns. */
    private Lora listed(Lora stored) {
        var targets = stored.targets().isPlain(adapter.shape()) ? stored.targets() : Targets.of(layerNames());
        return new Lora(stored.rank(), stored.alpha(), stored.dropout(), targets, unordered(stored));
    }

    private String[] layerNames() {
        return lora.targets().in(adapter.shape()).stream().map(Target::layer).distinct().toArray(String[]::new);
    }

    /** Of patterns the first that matches counts, but a file has them by name: where that matters, each layer has its own. */
    private LoraVariant unordered(Lora stored) {
        var variant = stored.variant();
        var byName = variant.withPatterns(new TreeMap<>(variant.ranks()), new TreeMap<>(variant.alphas()));
        var places = stored.targets().in(adapter.shape());
        if (places.stream().allMatch(place -> byName.rankAt(place, 0) == variant.rankAt(place, 0)
                && byName.alphaAt(place, 0) == variant.alphaAt(place, 0))) {
            return variant;
        }
        var ranks = new LinkedHashMap<String, Integer>();
        var alphas = new LinkedHashMap<String, Float>();
        for (var place : places) {
            ranks.put(place.layer(), stored.rank(place));
            alphas.put(place.layer(), variant.alphaAt(place, stored.alpha()));
        }
        return variant.withPatterns(ranks, alphas);
    }

    private Stored joined() {
        var tensors = new LinkedHashMap<String, Stored.Values>();
        var ranks = new LinkedHashMap<String, Integer>();
        var alphas = new LinkedHashMap<String, Float>();
        layers.forEach((layer, pairs) -> {
            var first = pairs.getFirst().branch;
            int rank = pairs.stream().mapToInt(Pair::rank).sum();
            float alpha = lora.variant().alphaFor(first.scale, rank);
            tensors.put(layer + ".lora_A.weight", stacked(pairs, rank));
            tensors.put(layer + ".lora_B.weight", inBlocks(pairs, rank, lora.variant().scale(alpha, rank)));
            ranks.put(layer, rank);
            alphas.put(layer, alpha);
        });
        others.forEach((name, tensor) -> tensors.put(name, new Stored.Values(tensor.shape(), tensor.toArray())));
        for (var branch : adapter.branches()) {
            if (branch instanceof LoraEmbedding embedding) {
                ranks.put(embedding.place.layer(), lora.rank(embedding.place));
                alphas.put(embedding.place.layer(), lora.variant().alphaAt(embedding.place, lora.alpha()));
            }
        }
        var whole = methodWith(ranks, alphas);
        return new Stored(adapter.method() instanceof Dora ? new Dora(whole) : whole, tensors);
    }

    /** The A's on top of each other, [rank, in]. */
    private static Stored.Values stacked(List<Pair> pairs, int rank) {
        int in = pairs.getFirst().branch.place.in();
        var stacked = new float[rank * in];
        int at = 0;
        for (var pair : pairs) {
            System.arraycopy(pair.a, 0, stacked, at, pair.a.length);
            at += pair.a.length;
        }
        return new Stored.Values(Shape.of(rank, in), stacked);
    }

    /** The B's, each in its columns and rows, [out, rank]. */
    private static Stored.Values inBlocks(List<Pair> pairs, int rank, float scale) {
        int out = pairs.getFirst().branch.linear.out();
        var blocks = new float[out * rank];
        int column = 0;
        for (var pair : pairs) {
            float factor = pair.sign * (pair.branch.scale / scale);
            for (int i = 0; i < pair.b.length; i++) {
                int row = pair.branch.place.from() + i / pair.rank();
                blocks[row * rank + column + i % pair.rank()] = factor * pair.b[i];
            }
            column += pair.rank();
        }
        return new Stored.Values(Shape.of(out, rank), blocks);
    }

    /** The same method with one pair for each layer: the first layer's rank and alpha, and exceptions from them. */
    private Lora methodWith(Map<String, Integer> ranks, Map<String, Float> alphas) {
        int rank = ranks.values().iterator().next();
        float alpha = alphas.values().iterator().next();
        ranks.values().removeIf(other -> other == rank);
        alphas.values().removeIf(other -> other == alpha);
        var include = lora.targets().include();
        var names = include.names().stream().map(Target::wholeOf).distinct().toList();
        var targets = new Targets(new NamePattern(names, include.expression()), lora.targets().exclude(),
                lora.targets().layers());
        return new Lora(rank, alpha, lora.dropout(), targets,
                lora.variant().withInit(LoraInit.DEFAULT).withPatterns(ranks, alphas));
    }
}
