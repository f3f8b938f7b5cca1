package lorikeet.peft;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import lorikeet.model.ModelShape;

/**
 * Which layers a method applies to.
 *
 * @param include by name; {@code all-linear} means every linear layer, {@code wte} the token embedding, and
 *                {@code c_attn.q}, {@code c_attn.k}, {@code c_attn.v} the parts of the fused layer that makes queries, keys
 *                and values
 * @param exclude and these not
 * @param layers  numbers of the blocks to which this is limited, from 0; empty = all
 */
public record Targets(NamePattern include, NamePattern exclude, Set<Integer> layers) {
    private static final String ALL = "all-linear";
    /** How names in the first block begin. */
    private static final String FIRST = "\\w+\\.0\\.";
    /** GPT-2's layer that does the work of one of LLaMA's. */
    private static final Map<String, String> GPT2 = Map.of("q_proj", "attn.c_attn", "k_proj", "attn.c_attn", "v_proj",
            "attn.c_attn", "o_proj", "attn.c_proj", "gate_proj", "mlp.c_fc", "up_proj", "mlp.c_fc", "down_proj",
            "mlp.c_proj");

    /** Layers by name or end of name. */
    public static Targets of(String... names) {
        return new Targets(NamePattern.of(names), NamePattern.NONE, Set.of());
    }

    /**
     * As on the command line: names separated by commas, or {@code re:} and a regular expression.
     *
     * @throws IllegalArgumentException if the expression is malformed
     */
    public static Targets parse(String text, Set<Integer> layers) {
        var include = text.startsWith("re:")
                ? new NamePattern(List.of(), text.substring(3))
                : NamePattern.of(text.split("\\s*,\\s*"));
        return new Targets(include, NamePattern.NONE, layers);
    }

    /**
     * The places that they choose.
     *
     * @throws IllegalArgumentException if a name, the pattern or a layer number matches nothing
     */
    public List<Target> in(ModelShape shape) {
        var all = Target.all(shape);
        for (var name : include.names()) {
            require("target " + name, all.stream().anyMatch(target -> matches(target, name)), shape);
        }
        for (int layer : new TreeSet<>(layers)) {
            require("layer " + layer, layer < shape.layers(), shape);
        }
        var found = all.stream().filter(this::chooses).toList();
        require(include.expression() == null ? "this choice of targets" : "pattern " + include.expression(),
                !found.isEmpty(), shape);
        var twice = new ArrayList<>(found);
        twice.removeIf(target -> !target.isPart() || found.stream()
                .noneMatch(other -> other.layer().equals(target.layer()) && !other.isPart()));
        if (!twice.isEmpty()) {
            throw new IllegalArgumentException(
                    "target " + twice.getFirst().name() + " is a part of a layer that is a target as a whole");
        }
        return found;
    }

    /**
     * Whether Hugging Face PEFT 0.12 finds the same layers: it knows none to exclude and no numbers beside an expression, and
     * an expression must match full names.
     */
    boolean isPlain(ModelShape shape) {
        return exclude.equals(NamePattern.NONE) && (include.expression() == null || layers.isEmpty()
                && in(shape).stream().allMatch(target -> include.matchesInTransformers(target.name())));
    }

    /** The layers of {@link ModelShape#asGpt2} that do the work of those chosen in {@code shape}. */
    Targets asGpt2(ModelShape shape) {
        return shape.isGpt2() ? this : of(in(shape).stream().map(target -> {
            var kind = target.layer().substring(target.layer().lastIndexOf('.') + 1);
            return target.isEmbedding() ? target.layer() : "h." + target.block() + "." + GPT2.get(kind);
        }).distinct().toArray(String[]::new));
    }

    private boolean chooses(Target target) {
        boolean included = include.expression() == null
                ? include.names().stream().anyMatch(name -> matches(target, name))
                : !target.isPart() && include.matches(target.name());
        return included && !exclude.matches(target.name())
                && (layers.isEmpty() || layers.contains(target.block()));
    }

    private static boolean matches(Target target, String name) {
        return name.equals(ALL) ? !target.isPart() && !target.isEmbedding() : NamePattern.matches(target.name(), name);
    }

    private static void require(String what, boolean matches, ModelShape shape) {
        if (!matches) {
            throw new IllegalArgumentException(what + " matches no layer; there are wte and, in each of "
                    + shape.layers() + " layers: " + shape.linears().stream()
                            .filter(layer -> layer.name().matches(FIRST + ".*"))
                            .map(layer -> layer.name().replaceFirst(FIRST, "")).collect(Collectors.joining(", ")));
        }
    }
}
