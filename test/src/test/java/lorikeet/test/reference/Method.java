package lorikeet.test.reference;

import java.util.Map;
import java.util.Set;

/**
 * How parameters beside the base act on it. Where a method acts is decided by the names of the parameters that are there,
 * which are Hugging Face's without {@code base_model.model.} and without the name of the adapter. Full fine-tuning, last
 * layers, BitFit and layer-norm tuning need nothing here: they only choose parameters of the base.
 */
public sealed interface Method {
    /**
     * LoRA (2106.09685): {@code h + scaling · B A x} with A [rank, in] in {@code NAME.lora_A.weight} and B [out, rank] in
     * {@code NAME.lora_B.weight}; for the token embedding {@code wte.lora_embedding_A} [rank, vocabulary] and
     * {@code wte.lora_embedding_B} [width, rank]. With {@code lora_A_q.weight}, {@code lora_B_q.weight}, likewise k and
     * v, the three thirds of the fused projection have pairs of their own. DoRA (2402.09353) where there is a
     * {@code NAME.lora_magnitude_vector} [out], on layers inside the blocks only.
     *
     * @param alpha  scaling is alpha / rank
     * @param alphas exceptions, by name of the linear layer
     * @param rooted rsLoRA (2312.03732): scaling is alpha / √rank
     */
    record Lora(double alpha, Map<String, Double> alphas, boolean rooted) implements Method {
        public Lora(double alpha) {
            this(alpha, Map.of(), false);
        }

        double scaling(String name, int rank) {
            return alphas.getOrDefault(name, alpha) / (rooted ? Math.sqrt(rank) : rank);
        }
    }

    /**
     * IA3 (2205.05638): {@code NAME.ia3_l} multiplies the output of a linear layer, its bias included, or its input.
     *
     * @param inputs ends of the names of the layers whose input is multiplied
     */
    record Ia3(Set<String> inputs) implements Method {}

    /** Prompt tuning (2104.08691): {@code prompt_encoder.embedding.weight} [virtual tokens, width]. */
    record Prompt() implements Method {}

    /**
     * Prefix tuning (2101.00190): {@code prompt_encoder.embedding.weight} [virtual tokens, 2 · layers · width], or [virtual
     * tokens, k] before the layers {@code prompt_encoder.transform.0} and {@code .2} with a tanh between.
     *
     * @param virtualTokens length of the prefix
     */
    record Prefix(int virtualTokens) implements Method {}

    /**
     * P-tuning (2103.10385): {@code prompt_encoder.embedding.weight} [virtual tokens, width] through a bidirectional LSTM
     * {@code lstm_head}, if there is one, and the layers {@code mlp_head.0}, {@code .2}, … with ReLU between.
     */
    record PTuning() implements Method {}

    /**
     * Bottleneck adapters on the output h of attention ({@code h.I.attention_adapters}) and MLP
     * ({@code h.I.output_adapters}), before it is added to the residual stream: series (1902.00751, 2304.01933)
     * {@code h + scaling · up(f(down(h)))} or parallel (2110.04366, 2304.01933) {@code h + scaling · up(f(down(x)))}, where x
     * is what attention or MLP read, the output of the layer norm before it. Weights {@code adapter_down.0.weight}
     * [bottleneck, width] and {@code adapter_up.weight} [width, bottleneck], biases where there are any.
     */
    record Bottleneck(boolean parallel, Activation activation, double scaling) implements Method {}
}
