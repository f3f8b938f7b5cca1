package lorikeet.test.reference;

import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.DoubleStream;

/**
 * Random parameters of a decoder and of the methods, large enough that every one of them matters, nothing zero and nothing
 * at its usual initial value. All are numbers of single precision, so that an engine can start from exactly the same.
 */
public final class RandomWeights {
    private final GptConfig config;
    private final Random random;
    private final Map<String, double[]> made = new TreeMap<>();

    public RandomWeights(GptConfig config, long seed) {
        this.config = config;
        this.random = new Random(seed);
    }

    /** What has been made since the last call. */
    public Map<String, double[]> take() {
        var taken = new TreeMap<>(made);
        made.clear();
        return taken;
    }

    public RandomWeights base() {
        int width = config.width();
        centred("transformer.wte.weight", config.vocabulary() * width);
        centred("transformer.wpe.weight", config.positions() * width);
        for (int layer = 0; layer < config.layers(); layer++) {
            var name = "transformer.h." + layer + ".";
            layerNorm(name + "ln_1");
            layerNorm(name + "ln_2");
            for (var linear : new String[] {"attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"}) {
                centred(name + linear + ".weight", in(linear) * out(linear));
                centred(name + linear + ".bias", out(linear));
            }
        }
        layerNorm("transformer.ln_f");
        if (!config.tiedHead()) {
            centred("lm_head.weight", config.vocabulary() * width);
        }
        return this;
    }

    /** In every layer, for targets such as {@code attn.c_attn}. */
    public RandomWeights lora(int rank, boolean dora, String... targets) {
        for (int layer = 0; layer < config.layers(); layer++) {
            for (var target : targets) {
                var name = "transformer.h." + layer + "." + target;
                centred(name + ".lora_A.weight", rank * in(target));
                centred(name + ".lora_B.weight", out(target) * rank);
                if (dora) {
                    positive(name + ".lora_magnitude_vector", out(target));
                }
            }
        }
        return this;
    }

    /** Pairs of their own for queries and values. */
    public RandomWeights loraOfProjections(int rank, String... parts) {
        for (int layer = 0; layer < config.layers(); layer++) {
            for (var part : parts) {
                var name = "transformer.h." + layer + ".attn.c_attn.lora_";
                centred(name + "A_" + part + ".weight", rank * config.width());
                centred(name + "B_" + part + ".weight", config.width() * rank);
            }
        }
        return this;
    }

    public RandomWeights loraOfEmbedding(int rank) {
        centred("transformer.wte.lora_embedding_A", rank * config.vocabulary());
        centred("transformer.wte.lora_embedding_B", config.width() * rank);
        return this;
    }

    /** For targets whose output is scaled. */
    public RandomWeights ia3Outputs(String... targets) {
        return ia3(false, targets);
    }

    /** For targets whose input is scaled. */
    public RandomWeights ia3Inputs(String... targets) {
        return ia3(true, targets);
    }

    private RandomWeights ia3(boolean inputs, String... targets) {
        for (int layer = 0; layer < config.layers(); layer++) {
            for (var target : targets) {
                positive("transformer.h." + layer + "." + target + ".ia3_l", inputs ? in(target) : out(target));
            }
        }
        return this;
    }

    public RandomWeights prompt(int virtualTokens) {
        centred("prompt_encoder.embedding.weight", virtualTokens * config.width());
        return this;
    }

    public RandomWeights prefix(int virtualTokens) {
        centred("prompt_encoder.embedding.weight", virtualTokens * 2 * config.layers() * config.width());
        return this;
    }

    public RandomWeights projectedPrefix(int virtualTokens, int hidden) {
        prompt(virtualTokens);
        linear("prompt_encoder.transform.0", config.width(), hidden);
        linear("prompt_encoder.transform.2", hidden, 2 * config.layers() * config.width());
        return this;
    }

    public RandomWeights pTuningMlp(int virtualTokens, int hidden) {
        prompt(virtualTokens);
        linear("prompt_encoder.mlp_head.0", config.width(), hidden);
        linear("prompt_encoder.mlp_head.2", hidden, hidden);
        linear("prompt_encoder.mlp_head.4", hidden, config.width());
        return this;
    }

    public RandomWeights pTuningLstm(int virtualTokens, int hidden, int layers) {
        prompt(virtualTokens);
        for (int layer = 0; layer < layers; layer++) {
            for (var direction : new String[] {"", "_reverse"}) {
                var suffix = "_l" + layer + direction;
                int in = layer == 0 ? config.width() : 2 * hidden;
                centred("prompt_encoder.lstm_head.weight_ih" + suffix, 4 * hidden * in);
                centred("prompt_encoder.lstm_head.weight_hh" + suffix, 4 * hidden * hidden);
                centred("prompt_encoder.lstm_head.bias_ih" + suffix, 4 * hidden);
                centred("prompt_encoder.lstm_head.bias_hh" + suffix, 4 * hidden);
            }
        }
        linear("prompt_encoder.mlp_head.0", 2 * hidden, 2 * hidden);
        linear("prompt_encoder.mlp_head.2", 2 * hidden, config.width());
        return this;
    }

    /** @param places {@code attention_adapters}, {@code output_adapters} */
    public RandomWeights bottleneck(int size, boolean biases, String... places) {
        for (int layer = 0; layer < config.layers(); layer++) {
            for (var place : places) {
                var name = "transformer.h." + layer + "." + place;
                linear(name + ".adapter_down.0", config.width(), size);
                linear(name + ".adapter_up", size, config.width());
                if (!biases) {
                    made.remove(name + ".adapter_down.0.bias");
                    made.remove(name + ".adapter_up.bias");
                }
            }
        }
        return this;
    }

    /** Sequences of which every second is padded, with a masked label here and there. */
    public Batch batch(int sequences, int length) {
        var ids = new int[sequences][length];
        var mask = new int[sequences][length];
        var labels = new int[sequences][length];
        for (int s = 0; s < sequences; s++) {
            int tokens = s % 2 == 0 ? length : random.nextInt(2, length);
            for (int t = 0; t < length; t++) {
                ids[s][t] = random.nextInt(config.vocabulary());
                mask[s][t] = t < tokens ? 1 : 0;
                labels[s][t] = t < tokens && random.nextInt(4) > 0 ? ids[s][t] : -100;
            }
        }
        return new Batch(ids, mask, labels);
    }

    private int in(String linear) {
        return linear.equals("mlp.c_proj") ? config.inner() : config.width();
    }

    private int out(String linear) {
        return switch (linear) {
            case "attn.c_attn" -> 3 * config.width();
            case "mlp.c_fc" -> config.inner();
            default -> config.width();
        };
    }

    private void layerNorm(String name) {
        positive(name + ".weight", config.width());
        centred(name + ".bias", config.width());
    }

    /** PyTorch's linear layer. */
    private void linear(String name, int in, int out) {
        centred(name + ".weight", out * in);
        centred(name + ".bias", out);
    }

    private void centred(String name, int size) {
        made.put(name, numbers(size, 0));
    }

    private void positive(String name, int size) {
        made.put(name, numbers(size, 1));
    }

    private double[] numbers(int size, double mean) {
        return DoubleStream.generate(() -> (float) (mean + 0.3 * random.nextGaussian())).limit(size).toArray();
    }
}
