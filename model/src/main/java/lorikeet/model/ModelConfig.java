package lorikeet.model;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import lorikeet.engine.WholeFile;
import lorikeet.kernels.DType;
import lorikeet.kernels.Unary;

/**
 * What a Hugging Face {@code config.json} of the GPT-2 family says, or of the LLaMA family, which can be planned but not run.
 *
 * @param shape     the decoder's shape
 * @param dropouts  dropout in training
 * @param endOfText id of the token that ends a text (eos_token_id)
 */
public record ModelConfig(ModelShape shape, Dropouts dropouts, int endOfText) {
    private static final ObjectMapper JSON = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
    private static final int MAX_BYTES = 1 << 20;
    private static final Map<String, Unary> ACTIVATIONS = Map.of("gelu_new", Unary.GELU_TANH, "gelu_pytorch_tanh",
            Unary.GELU_TANH, "gelu", Unary.GELU_ERF, "relu", Unary.RELU, "silu", Unary.SILU, "swish", Unary.SILU,
            "tanh", Unary.TANH, "sigmoid", Unary.SIGMOID);

    /** @throws IOException if the file is missing or not JSON, or a field has a value that Lorikeet does not know */
    public static ModelConfig read(Path file) throws IOException {
        return new Reader(file, parse(file)).config();
    }

    private static JsonNode parse(Path file) throws IOException {
        try {
            var json = JSON.readTree(WholeFile.read(file, MAX_BYTES));
            if (!json.isObject()) {
                throw new IOException(file + ": expected a JSON object");
            }
            return json;
        } catch (NoSuchFileException _) {
            throw new IOException(file + ": no such file; a Hugging Face model folder has one");
        } catch (JsonProcessingException e) {
            throw new IOException(file + ": not valid JSON: " + e.getOriginalMessage());
        }
    }

    /** The fields of one file, each read with its default and checked. */
    private record Reader(Path file, JsonNode json) {

        ModelConfig config() throws IOException {
            requireFalse("add_cross_attention");
            requireFalse("is_encoder_decoder");
            requireAbsent("quantization_config");
            requireAbsent("pruned_heads");
            return switch (json.path("model_type").asText("gpt2")) {
                case "gpt2" -> gpt2();
                case "llama", "mistral" -> llama();
                default ->
                    throw problem("model_type", "expected \"gpt2\", or, to be planned, \"llama\" or \"mistral\"");
            };
        }

        private ModelConfig gpt2() throws IOException {
            int width = count("n_embd", 768);
            int heads = count("n_head", 12);
            if (width % heads != 0) {
                throw problem("n_head", "expected a divisor of n_embd = " + width);
            }
            var shape =
                    new ModelShape(count("vocab_size", 50257), count("n_positions", 1024), width, count("n_layer", 12),
                            heads, heads, count("n_inner", 4 * width),
                            activation("activation_function", "gelu_new"), false,
                            ModelShape.Norm.LAYER_NORM,
                            (float) number("layer_norm_epsilon", 1e-5), ModelShape.Positions.LEARNED, true,
                            flag("tie_word_embeddings", true), flag("scale_attn_weights", true),
                            flag("scale_attn_by_inverse_layer_idx", false));
            var dropouts = new Dropouts(share("embd_pdrop"), share("attn_pdrop"), share("resid_pdrop"));
            return new ModelConfig(shape, dropouts, endOfText(shape, 50256));
        }

        /** Its numbers have no defaults: families share the name but not the sizes. */
        private ModelConfig llama() throws IOException {
            requireFalse("attention_bias");
            requireFalse("mlp_bias");
            int width = count("hidden_size");
            int heads = count("num_attention_heads");
            int keyValueHeads = count("num_key_value_heads", heads);
            if (width % heads != 0 || count("head_dim", width / heads) != width / heads) {
                throw problem("num_attention_heads", "expected heads of hidden_size / num_attention_heads = " + width
                        + " / " + heads + " numbers");
            }
            if (heads % keyValueHeads != 0) {
                throw problem("num_key_value_heads", "expected a divisor of num_attention_heads = " + heads);
            }
            var shape = new ModelShape(count("vocab_size"), count("max_position_embeddings"), width,
                    count("num_hidden_layers"), heads, keyValueHeads, count("intermediate_size"),
                    activation("hidden_act", "silu"), true, ModelShape.Norm.RMS_NORM,
                    (float) number("rms_norm_eps", 1e-6), ModelShape.Positions.ROTARY, false,
                    flag("tie_word_embeddings", false), true, false);
            return new ModelConfig(shape, Dropouts.NONE, endOfText(shape, 2));
        }

        private Unary activation(String field, String otherwise) throws IOException {
            var name = json.path(field).asText(otherwise);
            if (!ACTIVATIONS.containsKey(name)) {
                throw problem(field, "expected one of " + activationNames());
            }
            return ACTIVATIONS.get(name);
        }

        /** @param otherwise what transformers takes where the field is missing */
        private int endOfText(ModelShape shape, int otherwise) throws IOException {
            var id = json.path("eos_token_id");
            if (id.isMissingNode() && otherwise < shape.vocabulary()) {
                return otherwise;
            }
            if (id.isMissingNode() || id.isNull()) {
                return shape.vocabulary() - 1;
            }
            var first = id.isArray() && !id.isEmpty() ? id.get(0) : id;
            if (!first.isInt() || first.intValue() < 0 || first.intValue() >= shape.vocabulary()) {
                throw problem("eos_token_id", "expected a token id below " + shape.vocabulary());
            }
            return first.intValue();
        }

        private void requireFalse(String field) throws IOException {
            if (flag(field, false)) {
                throw problem(field, "expected false");
            }
        }

        private void requireAbsent(String field) throws IOException {
            var value = json.path(field);
            if (!value.isMissingNode() && !value.isNull() && !value.isEmpty()) {
                throw problem(field, "expected none");
            }
        }

        private int count(String field, int otherwise) throws IOException {
            var value = json.path(field);
            return value.isMissingNode() || value.isNull() ? otherwise : count(field);
        }

        private int count(String field) throws IOException {
            var value = json.path(field);
            if (!value.isInt() || value.intValue() < 1) {
                throw problem(field, "expected a whole number of at least 1");
            }
            return value.intValue();
        }

        private double number(String field, double otherwise) throws IOException {
            var value = json.path(field);
            if (value.isMissingNode()) {
                return otherwise;
            }
            if (!value.isNumber() || !(value.doubleValue() >= 0)) {
                throw problem(field, "expected a number of at least 0");
            }
            return value.doubleValue();
        }

        private float share(String field) throws IOException {
            double share = number(field, 0.1);
            if (share >= 1) {
                throw problem(field, "expected a share below 1");
            }
            return (float) share;
        }

        private boolean flag(String field, boolean otherwise) throws IOException {
            var value = json.path(field);
            if (value.isMissingNode() || value.isNull()) {
                return otherwise;
            }
            if (!value.isBoolean()) {
                throw problem(field, "expected true or false");
            }
            return value.booleanValue();
        }

        private IOException problem(String field, String expectation) {
            var value = json.path(field);
            return new IOException(file + ": field \"" + field + "\" is "
                    + (value.isMissingNode() ? "missing" : value) + ": " + expectation);
        }
    }

    /** The names that Hugging Face has for non-linearities. */
    public static List<String> activationNames() {
        return ACTIVATIONS.keySet().stream().sorted().toList();
    }

    /** @throws IllegalArgumentException if it is none of {@link #activationNames} */
    public static Unary activation(String name) {
        var activation = ACTIVATIONS.get(name);
        if (activation == null) {
            throw new IllegalArgumentException("expected one of " + activationNames() + ", not " + name);
        }
        return activation;
    }

    /** The name that Hugging Face has for a non-linearity. */
    public static String nameOf(Unary activation) {
        return switch (activation) {
            case GELU_TANH -> "gelu_new";
            case GELU_ERF -> "gelu";
            default -> activation.name().toLowerCase(Locale.ROOT);
        };
    }

    /** The text of {@code file}, but for the field that says how the weights beside it are stored. */
    static String stored(Path file, DType dtype) throws IOException {
        var json = (ObjectNode) parse(file);
        for (var field : List.of("torch_dtype", "dtype")) { // the older name and the newer
            if (json.has(field)) {
                json.put(field, dtype == DType.BF16 ? "bfloat16" : "float32");
            }
        }
        return text(json);
    }

    /** The file's content, with the fields that transformers needs. */
    String toJson() {
        var json = JSON.createObjectNode();
        json.put("activation_function", nameOf(shape.activation()));
        json.putArray("architectures").add("GPT2LMHeadModel");
        json.put("attn_pdrop", dropouts.attention());
        json.put("bos_token_id", endOfText);
        json.put("embd_pdrop", dropouts.embedding());
        json.put("eos_token_id", endOfText);
        json.put("initializer_range", 0.02);
        json.put("layer_norm_epsilon", Double.parseDouble(Float.toString(shape.epsilon())));
        json.put("model_type", "gpt2");
        json.put("n_embd", shape.width());
        json.put("n_head", shape.heads());
        json.put("n_inner", shape.inner());
        json.put("n_layer", shape.layers());
        json.put("n_positions", shape.context());
        json.put("resid_pdrop", dropouts.residual());
        json.put("scale_attn_by_inverse_layer_idx", shape.scaleByLayer());
        json.put("scale_attn_weights", shape.scaleScores());
        json.put("tie_word_embeddings", shape.tied());
        json.put("use_cache", true);
        json.put("vocab_size", shape.vocabulary());
        return text(json);
    }

    private static String text(ObjectNode json) {
        try {
            return JSON.writeValueAsString(json) + "\n";
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }
}
