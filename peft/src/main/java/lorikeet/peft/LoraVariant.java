package lorikeet.peft;

import java.util.Map;
import java.util.stream.Stream;

/**
 * What work after the LoRA paper has added to it.
 *
 * @param rsLora    scale alpha / √rank instead of alpha / rank (Kalajdzievski 2023), which keeps large ranks effective
 * @param init      how A and B start
 * @param ranks     other ranks for some layers, by name, end of name or regular expression; the first that matches counts
 * @param alphas    likewise other alphas
 * @param bias      which biases of the base are trained as well
 * @param rateRatio how much faster B learns than A: 1, or about 16 for LoRA+ (Hayou et al. 2024)
 */
public record LoraVariant(boolean rsLora, LoraInit init, Map<String, Integer> ranks, Map<String, Float> alphas,
        LoraBias bias, float rateRatio) {
    /** Nothing: LoRA as the paper has it. */
    public static final LoraVariant PLAIN =
            new LoraVariant(false, LoraInit.DEFAULT, Map.of(), Map.of(), LoraBias.NONE, 1);

    public LoraVariant {
        if (ranks.values().stream().anyMatch(rank -> rank < 1)) {
            throw new IllegalArgumentException("LoRA needs ranks of at least 1, not " + ranks);
        }
        if (!alphas.values().stream().allMatch(Float::isFinite)) {
            throw new IllegalArgumentException("LoRA needs numbers as alphas, not " + alphas);
        }
        if (!(rateRatio > 0)) {
            throw new IllegalArgumentException("the ratio of LoRA's learning rates must be above 0, not " + rateRatio);
        }
    }

    public LoraVariant withRsLora(boolean changed) {
        return new LoraVariant(changed, init, ranks, alphas, bias, rateRatio);
    }

    public LoraVariant withInit(LoraInit changed) {
        return new LoraVariant(rsLora, changed, ranks, alphas, bias, rateRatio);
    }

    public LoraVariant withPatterns(Map<String, Integer> otherRanks, Map<String, Float> otherAlphas) {
        return new LoraVariant(rsLora, init, otherRanks, otherAlphas, bias, rateRatio);
    }

    public LoraVariant withBias(LoraBias changed) {
        return new LoraVariant(rsLora, init, ranks, alphas, changed, rateRatio);
    }

    public LoraVariant withRateRatio(float changed) {
        return new LoraVariant(rsLora, init, ranks, alphas, bias, changed);
    }

    int rankAt(Target place, int usual) {
        return at(place, ranks, usual);
    }

    float alphaAt(Target place, float usual) {
        return at(place, alphas, usual);
    }

    float scale(double alpha, int rank) {
        return (float) (alpha / (rsLora ? Math.sqrt(rank) : rank));
    }

    /** The alpha that gives {@code rank} this scale. */
    float alphaFor(double scale, int rank) {
        return (float) (scale * (rsLora ? Math.sqrt(rank) : rank));
    }

    private static <T> T at(Target place, Map<String, T> patterns, T usual) {
        return patterns.entrySet().stream().filter(entry -> means(entry.getKey(), place)).map(Map.Entry::getValue)
                .findFirst().orElse(usual);
    }

    /**
     * Whether a key of ranks or alphas means this place.
     *
     * @throws IllegalArgumentException if it is malformed
     */
    public static boolean means(String key, Target place) {
        var expression = new Expression(key);
        return Stream.of(place.layer(), place.name()).distinct()
                .anyMatch(name -> expression.matchesEndOf("transformer." + name));
    }
}
