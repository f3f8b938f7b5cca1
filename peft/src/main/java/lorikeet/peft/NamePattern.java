package lorikeet.peft;

import java.util.List;

/**
 * Layers told by name, with Hugging Face PEFT's rules.
 *
 * @param names      full names or ends of them, from a dot on: {@code c_attn}, {@code attn.c_proj}, {@code h.0.mlp.c_fc};
 *                   {@code c_proj} alone means attention's and the MLP's
 * @param expression a regular expression that a full name must match from end to end, instead of names; or null
 */
public record NamePattern(List<String> names, String expression) {
    /** Matches nothing. */
    public static final NamePattern NONE = of();
    private static final String PREFIX = "transformer.";

    public NamePattern {
        names = List.copyOf(names);
        if (expression != null) {
            expression(expression);
        }
    }

    static NamePattern of(String... names) {
        return new NamePattern(List.of(names), null);
    }

    boolean matches(String fullName) {
        if (expression == null) {
            return names.stream().anyMatch(name -> matches(fullName, name));
        }
        var pattern = expression(expression);
        return pattern.matches(fullName) || pattern.matches(PREFIX + fullName);
    }

    private static Expression expression(String text) {
        try {
            return new Expression(text);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("targets: " + e.getMessage(), e);
        }
    }

    /** Whether a full name matches as transformers has it, with "transformer." in front, which an expression may not expect. */
    boolean matchesInTransformers(String fullName) {
        return expression == null ? matches(fullName) : expression(expression).matches(PREFIX + fullName);
    }

    static boolean matches(String fullName, String name) {
        return (PREFIX + fullName).equals(name) || (PREFIX + fullName).endsWith("." + name);
    }

    /** In a configuration file: the expression, or the names. */
    Object json() {
        return expression == null ? names : expression;
    }
}
