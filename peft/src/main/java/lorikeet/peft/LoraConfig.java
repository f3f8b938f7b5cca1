package lorikeet.peft;

import java.io.IOException;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Options of LoRA and DoRA as fields of Hugging Face PEFT's {@code adapter_config.json} (peft_type LORA). */
final class LoraConfig {
    static final String TYPE = "LORA";
    /** What PEFT targets in GPT-2 where nothing is said. */
    private static final NamePattern USUAL = NamePattern.of("c_attn");

    private LoraConfig() {}

    /** A {@link Lora} or a {@link Dora}. */
    static Method read(AdapterConfig config) throws IOException {
        config.requireUnused("fan_in_fan_out", "true");
        for (var field : List.of("modules_to_save", "layer_replication", "loftq_config", "lora_bias",
                "trainable_token_indices", "target_parameters", "use_qalora", "corda_config",
                "alora_invocation_tokens", "arrow_config", "kasa_config", "monteclora_config", "use_bdlora",
                "velora_config", "ensure_weight_tying")) {
            config.requireUnused(field, null);
        }
        config.ignore("eva_config", "lora_ga_config", "qalora_group_size"); // how what the file has was found
        var variant = new LoraVariant(config.flag("use_rslora"), init(config), config.ranks("rank_pattern"),
                config.numbers("alpha_pattern"), bias(config), 1);
        var lora = new Lora(config.count("r", 8), config.number("lora_alpha", 8), config.number("lora_dropout", 0),
                TargetsConfig.read(config, USUAL), variant);
        return config.flag("use_dora") ? new Dora(lora) : lora;
    }

    private static LoraInit init(AdapterConfig config) throws IOException {
        if (!config.isText("init_lora_weights")) {
            return config.flag("init_lora_weights", true) ? LoraInit.DEFAULT : LoraInit.RANDOM;
        }
        return switch (config.text("init_lora_weights", "")) {
            case "gaussian" -> LoraInit.GAUSSIAN;
            case "pissa" -> LoraInit.PISSA;
            case "orthogonal", "eva" -> LoraInit.DEFAULT; // they leave W alone, and the file has A and B
            default -> throw config.problem("init_lora_weights",
                    "expected true, false, \"gaussian\", \"pissa\", \"orthogonal\" or \"eva\"");
        };
    }

    private static LoraBias bias(AdapterConfig config) throws IOException {
        return switch (config.text("bias", "none")) {
            case "none" -> LoraBias.NONE;
            case "all" -> LoraBias.ALL;
            case "lora_only" -> LoraBias.LORA_ONLY;
            default -> throw config.problem("bias", "expected \"none\", \"all\" or \"lora_only\"");
        };
    }

    static Map<String, Object> write(Lora lora, boolean dora) {
        var fields = new HashMap<String, Object>();
        fields.put("peft_type", TYPE);
        fields.put("alpha_pattern", plain(lora.variant().alphas()));
        fields.put("bias", lora.variant().bias().name().toLowerCase(Locale.ROOT));
        fields.put("fan_in_fan_out", true);
        fields.put("init_lora_weights", switch (lora.variant().init()) {
            case GAUSSIAN -> "gaussian";
            case RANDOM -> false;
            case DEFAULT, PISSA -> true;
        });
        fields.put("layer_replication", null);
        fields.put("loftq_config", Map.of());
        fields.put("lora_alpha", plain(lora.alpha()));
        fields.put("lora_dropout", plainDecimal(lora.dropout()));
        fields.put("megatron_config", null);
        fields.put("megatron_core", "megatron.core");
        fields.put("modules_to_save", null);
        fields.put("r", lora.rank());
        fields.put("rank_pattern", lora.variant().ranks());
        fields.put("use_dora", dora);
        fields.put("use_rslora", lora.variant().rsLora());
        TargetsConfig.write(lora.targets(), fields);
        return fields;
    }

    private static Map<String, Number> plain(Map<String, Float> numbers) {
        var plain = new LinkedHashMap<String, Number>();
        numbers.forEach((name, number) -> plain.put(name, plain(number)));
        return plain;
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
