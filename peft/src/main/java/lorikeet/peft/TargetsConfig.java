package lorikeet.peft;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Stream;

/** Targets as fields of Hugging Face PEFT's {@code adapter_config.json}. */
final class TargetsConfig {
    private static final String ALL = "all-linear";
    /** What {@code all-linear} means in GPT-2. */
    private static final List<String> LINEARS = List.of("c_attn", "c_proj", "c_fc");

    private TargetsConfig() {}

    /** @param usual where {@code target_modules} says nothing */
    static Targets read(AdapterConfig config, NamePattern usual) throws IOException {
        for (var pattern : config.texts("layers_pattern")) {
            if (!pattern.equals("h")) {
                throw config.problem("layers_pattern", "expected \"h\", which is what GPT-2 calls its layers");
            }
        }
        return new Targets(names(config, "target_modules", usual), names(config, "exclude_modules", NamePattern.NONE),
                config.counts("layers_to_transform"));
    }

    /** A list of names, or a text that is an expression. */
    static NamePattern names(AdapterConfig config, String field, NamePattern usual) throws IOException {
        var names = config.texts(field);
        if (!config.says(field)) {
            return usual;
        }
        boolean expression = config.isText(field) && !names.getFirst().equals(ALL);
        return expression ? new NamePattern(List.of(), names.getFirst()) : new NamePattern(names, null);
    }

    static void write(Targets targets, Map<String, Object> fields) {
        var layers = targets.layers();
        fields.put("target_modules", names(targets));
        fields.put("layers_pattern", null);
        fields.put("layers_to_transform", layers.isEmpty() ? null : List.copyOf(new TreeSet<>(layers)));
    }

    /** The field {@code target_modules}. */
    static Object names(Targets targets) {
        return targets.include().expression() != null
                ? targets.include().expression()
                : targets.include().names().stream()
                        .flatMap(name -> name.equals(ALL) ? LINEARS.stream() : Stream.of(name)).distinct().toList();
    }
}
