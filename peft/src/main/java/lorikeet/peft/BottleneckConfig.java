package lorikeet.peft;

import java.io.IOException;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import lorikeet.model.ModelConfig;
import lorikeet.model.ModelShape;

/**
 * Series and parallel adapters as an {@code adapter_config.json} of AdapterHub's library, since Hugging Face PEFT does not
 * have them. It follows that library's published code for GPT-2 and has not been checked against the library itself.
 */
final class BottleneckConfig {
    /** Under this field that library has a method's options. */
    private static final String OPTIONS = "config";
    /** The library's file of weights. */
    static final String WEIGHTS = "adapter.safetensors";
    /** What ours are called in it. */
    private static final String NAME = "default";

    /**
     * The library's parallel adapters read the stream before the layer norm. Ours are said to start in a way that it does
     * not know, which it refuses, so that it cannot take them for its own.
     */
    private static final String AFTER_NORM = "lorikeet: reads after the layer norm";
    private static final String NO_BIASES = "lorikeet_no_biases";

    private BottleneckConfig() {}

    static Bottleneck read(AdapterConfig file) throws IOException {
        file.ignore("model_class", "model_name", "model_type", "name", "version");
        var config = file.section(OPTIONS);
        for (var field : List.of("original_ln_before", "ln_before", "ln_after", "use_gating", "inv_adapter",
                "cross_adapter", "leave_out", "phm_layer", "architecture")) {
            config.requireUnused(field, null);
        }
        for (var field : List.of("dropout", "stochastic_depth")) {
            config.requireUnused(field, "0.0");
        }
        if (!config.flag("original_ln_after", true)) {
            throw config.problem("original_ln_after", "Lorikeet does not know this variant");
        }
        config.ignore("adapter_residual_before_ln", "residual_before_ln", "inv_adapter_reduction_factor", "phm_dim",
                "factorized_phm_W", "shared_W_phm", "shared_phm_rule", "factorized_phm_rule", "phm_c_init",
                "phm_init_range", "learn_phm", "hypercomplex_nonlinearity", "phm_rank", "phm_bias");
        int bottleneck = (int) Math.max(1, file.count("hidden_size", 1) / config.number("reduction_factor", 16));
        var activation = ModelConfig.activation(config.text("non_linearity", "relu"));
        float scaling = config.number("scaling", 1);
        var places = EnumSet.noneOf(Bottleneck.Place.class);
        if (config.flag("mh_adapter", false)) {
            places.add(Bottleneck.Place.ATTENTION);
        }
        if (config.flag("output_adapter", true)) {
            places.add(Bottleneck.Place.MLP);
        }
        boolean biases = !config.flag(NO_BIASES, false);
        var init = config.text("init_weights", "bert");
        boolean parallel = config.flag("is_parallel", false);
        config.warnOfUnknown();
        if (!parallel) {
            return new SeriesAdapter(bottleneck, activation, scaling, places, biases, init.equals("mam_adapter")
                    ? Bottleneck.Init.IDENTITY
                    : Bottleneck.Init.NEAR_IDENTITY);
        }
        if (!init.equals(AFTER_NORM)) {
            throw config.problem("is_parallel", "AdapterHub's parallel adapters read the stream before the layer norm, "
                    + "Lorikeet's after it");
        }
        return new ParallelAdapter(bottleneck, activation, scaling, places, biases, Bottleneck.Init.IDENTITY);
    }

    /** @throws IOException if the adapter was made for a decoder of another width */
    static void requireFit(AdapterConfig file, ModelShape shape) throws IOException {
        if (file.count("hidden_size", shape.width()) != shape.width()) {
            throw file.problem("hidden_size", "does not fit this base, which needs " + shape.width());
        }
    }

    /** @param base a name or path, for people */
    static Map<String, Object> write(Bottleneck method, ModelShape shape, String base) {
        var options = new HashMap<String, Object>();
        options.put("mh_adapter", method.places().contains(Bottleneck.Place.ATTENTION));
        options.put("output_adapter", method.places().contains(Bottleneck.Place.MLP));
        options.put("reduction_factor", reduction(shape.width(), method.bottleneck()));
        options.put("non_linearity", ModelConfig.nameOf(method.activation()));
        options.put("scaling", Double.parseDouble(Float.toString(method.scaling())));
        options.put("is_parallel", method instanceof ParallelAdapter);
        options.put("init_weights", switch (method) {
            case ParallelAdapter _ -> AFTER_NORM;
            case SeriesAdapter series -> series.init() == Bottleneck.Init.IDENTITY ? "mam_adapter" : "houlsby";
        });
        for (var field : List.of("original_ln_before", "ln_before", "ln_after", "use_gating", "cross_adapter",
                "phm_layer", "adapter_residual_before_ln")) {
            options.put(field, false);
        }
        options.put("original_ln_after", true);
        options.put("residual_before_ln", true);
        options.put("inv_adapter", null);
        options.put("leave_out", List.of());
        options.put("dropout", 0.0);
        if (!method.biases()) {
            options.put(NO_BIASES, true);
        }
        return new HashMap<>(Map.of(OPTIONS, options, "hidden_size", shape.width(), "model_class", "GPT2LMHeadModel",
                "model_name", base, "model_type", "gpt2", "name", NAME));
    }

    /** The library's name for one of our parameters. */
    static String storedName(String name) {
        return "transformer." + name.replace("_adapters.", "_adapters.adapters." + NAME + ".");
    }

    /** Our name for one of the library's tensors, whatever the adapter is called. */
    static String plainName(String name) {
        return name.replaceFirst("_adapters\\.adapters\\..+\\.adapter_", "_adapters.adapter_");
    }

    /** A factor by which the library divides the width, rounding down, to find the bottleneck. */
    private static double reduction(int width, int bottleneck) {
        return width % bottleneck == 0 ? width / bottleneck : width / (bottleneck + 0.5);
    }
}
