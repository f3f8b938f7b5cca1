package lorikeet.peft;

import java.util.List;
import java.util.stream.Stream;
import lorikeet.model.ModelShape;
import lorikeet.model.TokenEmbedding;

/**
 * A place for a branch: a linear layer, a part of the fused one that makes queries, keys and values, or the token
 * embedding.
 *
 * @param layer the layer, such as {@code h.0.attn.c_attn}, or {@code wte}
 * @param part  {@code q}, {@code k} or {@code v} for a part of it, else empty
 * @param in    numbers that the layer reads; for the token embedding, kinds of token
 * @param from  the part's first output among the layer's
 * @param out   numbers that the layer or part makes
 */
public record Target(String layer, String part, int in, int from, int out) {
    private static final String FUSED = ".attn.c_attn";

    /** All that there are in a model. */
    static List<Target> all(ModelShape shape) {
        var embedding = new Target(TokenEmbedding.NAME, "", shape.vocabulary(), 0, shape.width());
        return Stream.concat(Stream.of(embedding), shape.linears().stream().flatMap(layer -> withParts(layer, shape)))
                .toList();
    }

    /** All without those of which others are parts: each number of a weight belongs to one. */
    public static List<Target> finest(ModelShape shape) {
        return all(shape).stream().filter(target -> target.isPart() || !target.layer().endsWith(FUSED)).toList();
    }

    private static Stream<Target> withParts(ModelShape.Layer layer, ModelShape shape) {
        var whole = Stream.of(new Target(layer.name(), "", layer.in(), 0, layer.out()));
        if (!layer.name().endsWith(FUSED)) {
            return whole;
        }
        int q = shape.width();
        int kv = shape.keyValueWidth();
        return Stream.concat(whole, Stream.of(new Target(layer.name(), "q", layer.in(), 0, q),
                new Target(layer.name(), "k", layer.in(), q, kv),
                new Target(layer.name(), "v", layer.in(), q + kv, kv)));
    }

    /** {@code h.0.attn.c_attn}, {@code h.0.attn.c_attn.q}, {@code wte}. */
    public String name() {
        return isPart() ? layer + "." + part : layer;
    }

    /** {@code c_attn} for {@code c_attn.q}, and for {@code q} alone. */
    static String wholeOf(String name) {
        return name.matches("[qkv]") ? "c_attn" : name.replaceFirst("\\.[qkv]$", "");
    }

    /** @throws IllegalArgumentException if one of {@code places} is not a whole linear layer, which the method works on */
    static List<Target> requireWhole(String method, List<Target> places) {
        for (var place : places) {
            if (place.isPart() || place.isEmbedding()) {
                throw new IllegalArgumentException(method + " works on whole linear layers, not on " + place.name());
            }
        }
        return places;
    }

    boolean isPart() {
        return !part.isEmpty();
    }

    public boolean isEmbedding() {
        return layer.equals(TokenEmbedding.NAME);
    }

    /** The number of the block that it belongs to, from 0; −1 if to none. */
    public int block() {
        return isEmbedding() ? -1 : Integer.parseInt(layer.split("\\.")[1]);
    }

    /** The name of one of its parameters: {@code lora_A} gives {@code h.0.attn.c_attn.lora_A_q.weight}. */
    String parameter(String kind) {
        return layer + "." + kind + (isPart() ? "_" + part : "") + ".weight";
    }
}
