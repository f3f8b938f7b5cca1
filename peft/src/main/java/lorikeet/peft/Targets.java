package lorikeet.peft;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import lorikeet.model.Decoder;
import lorikeet.model.Linear;

/**
 * Which linear layers a method applies to.
 *
 * @param names   full names or suffixes of them, from a dot on: {@code c_attn}, {@code attn.c_proj},
 *                {@code h.0.mlp.c_fc}; {@code c_proj} alone means attention's and the MLP's; {@code all-linear} means all
 * @param pattern a regular expression that the full name must match from end to end, instead of names; or null
 * @param layers  numbers of the layers to which this is limited, from 0; empty = all
 */
public record Targets(List<String> names, String pattern, Set<Integer> layers) {
    private static final String ALL = "all-linear";
    private static final String PREFIX = "transformer.";

    /** Layers by name or suffix. */
    public static Targets of(String... names) {
        return new Targets(List.of(names), null, Set.of());
    }

    /**
     * As on the command line: names separated by commas, or {@code re:} and a regular expression.
     *
     * @throws IllegalArgumentException if the expression is malformed
     */
    public static Targets parse(String text, Set<Integer> layers) {
        if (!text.startsWith("re:")) {
            return new Targets(List.of(text.split("\\s*,\\s*")), null, layers);
        }
        try {
            return new Targets(List.of(), Pattern.compile(text.substring(3)).pattern(), layers);
        } catch (PatternSyntaxException e) {
            throw new IllegalArgumentException("targets: " + e.getDescription() + " in pattern " + text.substring(3),
                    e);
        }
    }

    /** @throws IllegalArgumentException if a name, the pattern or a layer number matches nothing */
    public List<Linear> in(Decoder decoder) {
        var missing = new TreeSet<String>(names);
        var missingLayers = new TreeSet<>(layers);
        var found = new ArrayList<Linear>();
        for (var linear : decoder.linears()) {
            boolean here = layers.isEmpty() || layers.contains(layer(linear));
            missingLayers.remove(layer(linear));
            boolean matches = pattern != null && matchesPattern(linear);
            for (var name : names) {
                if (matchesName(linear, name)) {
                    missing.remove(name);
                    matches = true;
                }
            }
            if (here && matches) {
                found.add(linear);
            }
        }
        if (!missing.isEmpty() || !missingLayers.isEmpty() || found.isEmpty()) {
            var what = !missing.isEmpty()
                    ? "target " + missing.first()
                    : !missingLayers.isEmpty() ? "layer " + missingLayers.first() : "pattern " + pattern;
            throw new IllegalArgumentException(what + " matches no linear layer; there are, in each of "
                    + decoder.shape().layers() + " layers: "
                    + String.join(", ", decoder.linears().stream().filter(linear -> layer(linear) == 0)
                            .map(linear -> linear.name().substring("h.0.".length())).toList()));
        }
        return found;
    }

    private boolean matchesPattern(Linear linear) {
        return linear.name().matches(pattern) || (PREFIX + linear.name()).matches(pattern);
    }

    private static boolean matchesName(Linear linear, String name) {
        var full = PREFIX + linear.name();
        return name.equals(ALL) || full.equals(name) || full.endsWith("." + name);
    }

    /** The layer number in {@code h.3.attn.c_attn}. */
    private static int layer(Linear linear) {
        return Integer.parseInt(linear.name().split("\\.")[1]);
    }
}
