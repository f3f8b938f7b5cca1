package lorikeet.model;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;
import lorikeet.kernels.Philox;
import lorikeet.kernels.RandomKey;

/**
 * How the next token is chosen from the logits.
 *
 * @param temperature logits are divided by it; 0 = always the likeliest token
 * @param topK        only the {@code topK} likeliest tokens are drawn from; 0 = all
 * @param topP        only the likeliest tokens that together reach this probability are drawn from; 1 = all
 * @param seed        of the random draws
 */
public record Sampling(float temperature, int topK, float topP, long seed) {
    /** Always the likeliest token. */
    public static final Sampling GREEDY = new Sampling(0, 0, 1, 0);

    public Sampling {
        if (!(temperature >= 0) || topK < 0 || !(topP > 0 && topP <= 1)) {
            throw new IllegalArgumentException("expected temperature ≥ 0, top-k ≥ 0 and 0 < top-p ≤ 1");
        }
    }

    /**
     * @param logits one number per token
     * @param step   how many tokens were drawn before
     * @throws ArithmeticException if a logit is not finite: then none is the likeliest
     */
    int choose(float[] logits, int step) {
        for (float logit : logits) {
            if (!Float.isFinite(logit)) {
                throw new ArithmeticException("the model's logits are not finite");
            }
        }
        if (temperature == 0) {
            return argmax(logits);
        }
        // likeliest first; equal ones by id
        var order = IntStream.range(0, logits.length).boxed()
                .sorted(Comparator.<Integer>comparingDouble(token -> -logits[token]).thenComparing(token -> token))
                .limit(topK == 0 ? logits.length : topK).mapToInt(Integer::intValue).toArray();
        var weights = new double[order.length];
        for (int i = 0; i < order.length; i++) {
            weights[i] = Math.exp((logits[order[i]] - logits[order[0]]) / (double) temperature);
        }
        double total = Arrays.stream(weights).sum();
        double nucleus = 0;
        int count = 0;
        while (count < order.length && nucleus < topP * total) {
            nucleus += weights[count++];
        }
        double draw = Philox.uniform(Philox.block(new RandomKey(seed, 0), step)[0]) * nucleus;
        for (int i = 0; i < count; i++) {
            draw -= weights[i];
            if (draw < 0) {
                return order[i];
            }
        }
        return order[count - 1];
    }

    private static int argmax(float[] values) {
        int best = 0;
        for (int i = 1; i < values.length; i++) {
            if (values[i] > values[best]) {
                best = i;
            }
        }
        return best;
    }
}
