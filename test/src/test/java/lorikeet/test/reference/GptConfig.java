package lorikeet.test.reference;

import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Path;

/**
 * The numbers that shape a decoder of the GPT-2 family.
 *
 * @param inner            width of the hidden layer of the MLP
 * @param activation       between the two layers of the MLP
 * @param scaleByHeadSize  whether attention scores are divided by the root of the head size
 * @param scaleByLayer     whether layer i divides them by i + 1 besides
 * @param tiedHead         whether the logits are products with the token embeddings rather than with {@code lm_head}
 */
public record GptConfig(int vocabulary, int positions, int width, int layers, int heads, int inner, double epsilon,
        Activation activation, boolean scaleByHeadSize, boolean scaleByLayer, boolean tiedHead) {

    /** As GPT-2 has it, in a given size. */
    public static GptConfig gpt2(int vocabulary, int positions, int width, int layers, int heads) {
        var gelu = Activation.GELU_NEW;
        return new GptConfig(vocabulary, positions, width, layers, heads, 4 * width, 1e-5, gelu, true, false, true);
    }

    /** From Hugging Face's {@code config.json}. */
    public static GptConfig read(Path file) throws IOException {
        var json = new JsonMapper().readTree(file.toFile());
        int width = json.get("n_embd").intValue();
        return new GptConfig(json.get("vocab_size").intValue(), json.get("n_positions").intValue(), width,
                json.get("n_layer").intValue(), json.get("n_head").intValue(),
                json.path("n_inner").asInt(4 * width), json.get("layer_norm_epsilon").doubleValue(),
                Activation.named(json.get("activation_function").textValue()),
                json.path("scale_attn_weights").asBoolean(true),
                json.path("scale_attn_by_inverse_layer_idx").asBoolean(false),
                json.path("tie_word_embeddings").asBoolean(true));
    }

    public GptConfig withActivation(Activation other) {
        return new GptConfig(vocabulary, positions, width, layers, heads, inner, epsilon, other, scaleByHeadSize,
                scaleByLayer, tiedHead);
    }

    public GptConfig withUntiedHead() {
        return new GptConfig(vocabulary, positions, width, layers, heads, inner, epsilon, activation, scaleByHeadSize,
                scaleByLayer, false);
    }

    public GptConfig withScaleByLayer() {
        return new GptConfig(vocabulary, positions, width, layers, heads, inner, epsilon, activation, scaleByHeadSize,
                true, tiedHead);
    }
}
