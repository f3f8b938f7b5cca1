package lorikeet.peft;

import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import lorikeet.model.ModelShape;

/**
 * Options of the methods in the sequence as fields of Hugging Face PEFT's {@code adapter_config.json} (peft_type
 * PROMPT_TUNING, PREFIX_TUNING, P_TUNING).
 */
final class PromptLearningConfig {
    static final String PROMPT_TUNING = "PROMPT_TUNING";
    static final String PREFIX_TUNING = "PREFIX_TUNING";
    static final String P_TUNING = "P_TUNING";

    /** PEFT does not know how many virtual tokens to take where nothing is said; this is what its examples have. */
    private static final int USUAL_TOKENS = 20;

    private static final String[] FIT =
            {"token_dim", "num_attention_heads", "num_layers", "num_transformer_submodules"};

    private PromptLearningConfig() {}

    static PromptTuning readPromptTuning(AdapterConfig config) throws IOException {
        config.ignore("tokenizer_kwargs"); // the file has the values
        var text = config.text("prompt_tuning_init_text", "");
        var tokenizer = config.text("tokenizer_name_or_path", null);
        var init = switch (config.text("prompt_tuning_init", "RANDOM")) {
            case "RANDOM" -> new PromptTuning.Init.Normal();
            case "SAMPLE_VOCAB" -> new PromptTuning.Init.Vocabulary();
            case "TEXT" -> new PromptTuning.Init.Text(new InitText(text, tokenizer, List.of()));
            default -> throw config.problem("prompt_tuning_init", "expected RANDOM, SAMPLE_VOCAB or TEXT");
        };
        return new PromptTuning(virtualTokens(config), init);
    }

    static PrefixTuning readPrefixTuning(AdapterConfig config) throws IOException {
        config.ignore("init_weights"); // the file has the values
        return new PrefixTuning(virtualTokens(config), config.flag("prefix_projection"),
                config.count("encoder_hidden_size", 0), null);
    }

    static PTuning readPTuning(AdapterConfig config) throws IOException {
        var encoder = switch (config.text("encoder_reparameterization_type", "MLP")) {
            case "MLP" -> PTuning.Encoder.MLP;
            case "LSTM" -> PTuning.Encoder.LSTM;
            default -> throw config.problem("encoder_reparameterization_type", "expected MLP or LSTM");
        };
        return new PTuning(virtualTokens(config), encoder, config.count("encoder_hidden_size", 0),
                config.count("encoder_num_layers", 2), config.number("encoder_dropout", 0));
    }

    private static int virtualTokens(AdapterConfig config) throws IOException {
        config.requireUnused("modules_to_save", null);
        config.ignore(FIT); // until there is a base
        return config.count("num_virtual_tokens", USUAL_TOKENS);
    }

    /** @throws IOException if the adapter was made for a decoder of another shape */
    static void requireFit(AdapterConfig config, PromptLearning method, ModelShape shape) throws IOException {
        for (var field : fit(method, shape).entrySet()) {
            int expected = (int) field.getValue();
            if (config.count(field.getKey(), expected) != expected) {
                throw config.problem(field.getKey(), "does not fit this base, which needs " + expected);
            }
        }
    }

    /** The fields that say for which decoders an adapter was made. */
    private static Map<String, Object> fit(PromptLearning method, ModelShape shape) {
        boolean prefix = method instanceof PrefixTuning;
        int width = prefix ? shape.keyValueWidth() : shape.width();
        int heads = prefix ? shape.keyValueHeads() : shape.heads();
        return Map.of(FIT[0], width, FIT[1], heads, FIT[2], shape.layers(), FIT[3], 1);
    }

    /** @param base a name or path, which stands for its tokenizer too */
    static Map<String, Object> write(PromptLearning method, ModelShape shape, String base) {
        var fields = new HashMap<>(fit(method, shape));
        fields.put("num_virtual_tokens", method.virtualTokens());
        switch (method) {
            case PromptTuning prompt -> writePromptTuning(fields, prompt, base);
            case PrefixTuning prefix -> {
                fields.put("peft_type", PREFIX_TUNING);
                fields.put("encoder_hidden_size", prefix.hidden(shape));
                fields.put("prefix_projection", prefix.projected());
            }
            case PTuning pTuning -> {
                fields.put("peft_type", P_TUNING);
                fields.put("encoder_dropout", Double.parseDouble(Float.toString(pTuning.dropout())));
                fields.put("encoder_hidden_size", pTuning.hidden(shape));
                fields.put("encoder_num_layers", pTuning.depth());
                fields.put("encoder_reparameterization_type", pTuning.encoder().name());
            }
        }
        return fields;
    }

    private static void writePromptTuning(Map<String, Object> fields, PromptTuning method, String base) {
        fields.put("peft_type", PROMPT_TUNING);
        fields.put("prompt_tuning_init", switch (method.init()) {
            case PromptTuning.Init.Normal(),PromptTuning.Init.Uniform() -> "RANDOM";
            case PromptTuning.Init.Vocabulary() -> "SAMPLE_VOCAB";
            case PromptTuning.Init.Text(_) -> "TEXT";
        });
        fields.put("prompt_tuning_init_text", null);
        fields.put("tokenizer_kwargs", null);
        fields.put("tokenizer_name_or_path", null);
        if (method.init() instanceof PromptTuning.Init.Text(var text)) {
            fields.put("prompt_tuning_init_text", text.text());
            fields.put("tokenizer_name_or_path", text.tokenizer() == null ? base : text.tokenizer());
        }
    }
}
