package lorikeet.peft.cli;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import lorikeet.peft.Dora;
import lorikeet.peft.Ia3;
import lorikeet.peft.Lora;
import lorikeet.peft.LoraBias;
import lorikeet.peft.LoraInit;
import lorikeet.peft.LoraVariant;
import lorikeet.peft.Method;
import lorikeet.peft.Selection;
import lorikeet.peft.Targets;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Which method, with which options. An option that the method does not use is wrong usage. */
final class MethodOptions {
    private static final Set<String> LORA = Set.of("--rank", "--alpha", "--scaling", "--dropout", "--targets",
            "--layers", "--init", "--rank-pattern", "--alpha-pattern", "--bias", "--rate-ratio");
    /** All options of methods. */
    private static final Set<String> ALL = LORA;

    @Spec(Spec.Target.MIXEE)
    private CommandSpec spec;

    @Option(names = "--method", paramLabel = "NAME",
            description = "lora, dora, ia3, full, last-layers, bitfit or layer-norms. Default: lora.")
    String method;

    @Option(names = "--rank", paramLabel = "N", description = "lora, dora: rank of the product. Default: 4.")
    private Integer rank;

    @Option(names = "--alpha", paramLabel = "X",
            description = "lora, dora: the branch is multiplied by alpha / rank. Default: 8.")
    private Float alpha;

    @Option(names = "--scaling", paramLabel = "NAME",
            description = "lora, dora: standard (alpha / rank) or rslora (alpha / √rank). Default: standard.")
    private String scaling;

    @Option(names = "--dropout", paramLabel = "P",
            description = "lora, dora: dropout on the branch's input. Default: 0.")
    private Float dropout;

    @Option(names = "--targets", paramLabel = "NAMES",
            description = "lora, dora, ia3: linear layers by name or end of name, separated by commas; re:PATTERN; or "
                    + "all-linear. lora: also wte, the token embedding, and c_attn.q, c_attn.k, c_attn.v, the parts of "
                    + "c_attn. Default: all-linear; ia3: c_attn,mlp.c_proj.")
    private String targets;

    @Option(names = "--layers", paramLabel = "LIST",
            description = "lora, dora, ia3: only these layers, such as 0,1,4-5. last-layers: how many. "
                    + "Default: all; 2.")
    private String layers;

    @Option(names = "--init", paramLabel = "NAME",
            description = "lora, dora: first values, default (A uniform, B zero), gaussian (A normal, B zero) or pissa "
                    + "(the principal part of the weight). Default: default.")
    private String init;

    @Option(names = "--rank-pattern", paramLabel = "NAME=N", split = ",",
            description = "lora, dora: other ranks for some layers, such as h.0.attn.c_attn=16,c_fc=4.")
    private Map<String, Integer> ranks;

    @Option(names = "--alpha-pattern", paramLabel = "NAME=X", split = ",",
            description = "lora, dora: likewise other alphas.")
    private Map<String, Float> alphas;

    @Option(names = "--bias", paramLabel = "NAME",
            description = "lora, dora: biases of the base that are trained too, none, all or lora_only (those of the "
                    + "targets). Default: none.")
    private String bias;

    @Option(names = "--rate-ratio", paramLabel = "X",
            description = "lora, dora: B's learning rate over A's; LoRA+ has 16. Default: 1.")
    private Float rateRatio;

    /** @throws ParameterException if the method is unknown, or does not use an option that was given */
    Method method() {
        var name = method == null ? "lora" : method;
        try {
            return switch (name) {
                case "lora" -> using(lora(), LORA);
                case "dora" -> using(new Dora(lora()), LORA);
                case "ia3" -> using(ia3(), Set.of("--targets", "--layers"));
                case "full" -> using(new Selection.Full(), Set.of());
                case "last-layers" -> using(lastLayers(), Set.of("--layers"));
                case "bitfit" -> using(new Selection.BitFit(), Set.of());
                case "layer-norms" -> using(new Selection.LayerNorms(), Set.of());
                default -> throw new IllegalArgumentException("--method: expected lora, dora, ia3, full, last-layers, "
                        + "bitfit or layer-norms, not " + name);
            };
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), e.getMessage(), e);
        }
    }

    /** The method options given, by name: none may stand beside {@code --adapter}, which brings its own. */
    List<String> given() {
        return spec.commandLine().getParseResult().matchedOptions().stream().map(OptionSpec::longestName)
                .filter(ALL::contains).toList();
    }

    private Method using(Method made, Set<String> used) {
        for (var option : given()) {
            if (!used.contains(option)) {
                throw new IllegalArgumentException(option + " means nothing to --method " + made.name());
            }
        }
        return made;
    }

    private Lora lora() {
        var variant = new LoraVariant(oneOf("--scaling", scaling, "standard", "rslora").equals("rslora"),
                LoraInit.valueOf(oneOf("--init", init, "default", "gaussian", "pissa").toUpperCase(Locale.ROOT)),
                or(ranks, Map.of()), or(alphas, Map.of()),
                LoraBias.valueOf(oneOf("--bias", bias, "none", "all", "lora_only").toUpperCase(Locale.ROOT)),
                or(rateRatio, 1f));
        return new Lora(or(rank, 4), or(alpha, 8f), or(dropout, 0f), targets("all-linear"), variant);
    }

    private Ia3 ia3() {
        return new Ia3(targets("c_attn,mlp.c_proj"), Ia3.USUAL.inputs());
    }

    private Selection lastLayers() {
        try {
            return new Selection.LastLayers(layers == null ? 2 : Integer.parseInt(layers));
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException("--layers: expected how many layers, not " + layers, e);
        }
    }

    private Targets targets(String usual) {
        return Targets.parse(or(targets, usual), layerNumbers());
    }

    private static <T> T or(T value, T otherwise) {
        return value == null ? otherwise : value;
    }

    /** The first of {@code choices} is the default. */
    private static String oneOf(String option, String value, String... choices) {
        var chosen = value == null ? choices[0] : value.toLowerCase(Locale.ROOT);
        if (!List.of(choices).contains(chosen)) {
            throw new IllegalArgumentException(
                    option + ": expected " + String.join(" or ", choices) + ", not " + value);
        }
        return chosen;
    }

    private Set<Integer> layerNumbers() {
        if (layers == null) {
            return Set.of();
        }
        try {
            return Stream.of(layers.split(",")).flatMapToInt(part -> {
                var ends = part.strip().split("-", 2);
                return IntStream.rangeClosed(Integer.parseInt(ends[0]), Integer.parseInt(ends[ends.length - 1]));
            }).boxed().collect(Collectors.toUnmodifiableSet());
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException("--layers: expected numbers such as 0,1,4-5, not " + layers, e);
        }
    }
}
