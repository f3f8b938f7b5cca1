package lorikeet.peft;

import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/** LoRA's options as fields of Hugging Face PEFT's {@code adapter_config.json} (peft_type LORA). */
final class LoraConfig {
    static final String TYPE = "LORA";
    /** What PEFT targets in GPT-2 where nothing is said. */
    private static final List<String> DEFAULT_TARGETS = List.of("c_attn");

    private LoraConfig() {}

    static Lora read(AdapterConfig config) throws IOException {
        config.requireUnused("bias", "none");
        config.requireUnused("fan_in_fan_out", "true");
        for (var field : List.of("use_dora", "rank_pattern", "alpha_pattern", "modules_to_save", "layer_replication",
                "loftq_config", "layers_pattern", "exclude_modules", "lora_bias", "trainable_token_indices",
                "target_parameters", "use_qalora", "eva_config", "corda_config")) {
            config.requireUnused(field, null);
        }
        config.requireUnused("init_lora_weights", config.isText("init_lora_weights") ? "gaussian" : "true");
        var names = config.texts("target_modules");
        var layers = config.counts("layers_to_transform");
        var targets = config.isText("target_modules") && !names.getFirst().equals("all-linear")
                ? new Targets(List.of(), names.getFirst(), layers)
                : new Targets(names.isEmpty() ? DEFAULT_TARGETS : names, null, layers);
        return new Lora(config.count("r", 8), config.number("lora_alpha", 8), config.flag("use_rslora"),
                config.number("lora_dropout", 0), targets,
                config.isText("init_lora_weights") ? Lora.Init.GAUSSIAN : Lora.Init.DEFAULT);
    }

    static Map<String, Object> write(Lora lora) {
        var targets = lora.targets();
        var fields = new HashMap<String, Object>();
        fields.put("peft_type", TYPE);
        fields.put("alpha_pattern", Map.of());
        fields.put("bias", "none");
        fields.put("fan_in_fan_out", true);
        fields.put("init_lora_weights", lora.init() == Lora.Init.GAUSSIAN ? "gaussian" : true);
        fields.put("layer_replication", null);
        fields.put("layers_pattern", null);
        fields.put("layers_to_transform",
                targets.layers().isEmpty() ? null : List.copyOf(new TreeSet<>(targets.layers())));
        fields.put("loftq_config", Map.of());
        fields.put("lora_alpha", plain(lora.alpha()));
        fields.put("lora_dropout", plainDecimal(lora.dropout()));
        fields.put("megatron_config", null);
        fields.put("megatron_core", "megatron.core");
        fields.put("modules_to_save", null);
        fields.put("r", lora.rank());
        fields.put("rank_pattern", Map.of());
        fields.put("target_modules", targets.pattern() != null ? targets.pattern() : targets.names());
        fields.put("use_dora", false);
        fields.put("use_rslora", lora.rsLora());
        return fields;
    }

    /** 16 rather than 16.0. */
    private static Number plain(float number) {
        return number == Math.rint(number) ? (Number) (long) number : plainDecimal(number);
    }

    /** 0.1 rather than 0.10000000149. */
    private static double plainDecimal(float number) {
        return Double.parseDouble(Float.toString(number));
    }
}
