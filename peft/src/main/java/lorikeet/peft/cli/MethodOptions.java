package lorikeet.peft.cli;

import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import lorikeet.peft.Lora;
import lorikeet.peft.Method;
import lorikeet.peft.Selection;
import lorikeet.peft.Targets;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Which method, with which options. An option that the method does not use is wrong usage. */
final class MethodOptions {
    @Spec(Spec.Target.MIXEE)
    private CommandSpec spec;

    @Option(names = "--method", paramLabel = "NAME",
            description = "lora, full, last-layers or bitfit. Default: lora.")
    String method;

    @Option(names = "--rank", paramLabel = "N", description = "lora: rank of the product. Default: 8.")
    private Integer rank;

    @Option(names = "--alpha", paramLabel = "X",
            description = "lora: the branch is multiplied by alpha / rank. Default: 16.")
    private Float alpha;

    @Option(names = "--scaling", paramLabel = "NAME",
            description = "lora: standard (alpha / rank) or rslora (alpha / √rank). Default: standard.")
    private String scaling;

    @Option(names = "--dropout", paramLabel = "P", description = "lora: dropout on the branch's input. Default: 0.")
    private Float dropout;

    @Option(names = "--targets", paramLabel = "NAMES",
            description = "lora: linear layers by name or suffix, separated by commas; re:PATTERN; or all-linear. "
                    + "Default: all-linear.")
    private String targets;

    @Option(names = "--layers", paramLabel = "LIST",
            description = "lora: only these layers, such as 0,1,4-5. last-layers: how many. Default: all; 2.")
    private String layers;

    @Option(names = "--init", paramLabel = "NAME",
            description = "lora: first values of A, default (uniform) or gaussian. Default: default.")
    private String init;

    /** @throws ParameterException if the method is unknown, or does not use an option that was given */
    Method method() {
        var name = method == null ? "lora" : method;
        try {
            return switch (name) {
                case "lora" -> lora();
                case "full" -> selection(new Selection.Full(), Set.of());
                case "last-layers" -> selection(new Selection.LastLayers(layers == null ? 2 : Integer.parseInt(layers)),
                        Set.of("--layers"));
                case "bitfit" -> selection(new Selection.BitFit(), Set.of());
                default -> throw new IllegalArgumentException(
                        "--method: expected lora, full, last-layers or bitfit, not " + name);
            };
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), e.getMessage(), e);
        }
    }

    /** The method options given, by name: none may stand beside {@code --adapter}, which brings its own. */
    List<String> given() {
        var values = new Object[] {rank, alpha, scaling, dropout, targets, layers, init};
        var names = List.of("--rank", "--alpha", "--scaling", "--dropout", "--targets", "--layers", "--init");
        return IntStream.range(0, values.length).filter(i -> values[i] != null).mapToObj(names::get).toList();
    }

    private Lora lora() {
        var which = Targets.parse(targets == null ? "all-linear" : targets, layerNumbers());
        return new Lora(or(rank, 8), or(alpha, 16f), oneOf("--scaling", scaling, "standard", "rslora").equals("rslora"),
                or(dropout, 0f), which, oneOf("--init", init, "default", "gaussian").equals("gaussian")
                        ? Lora.Init.GAUSSIAN
                        : Lora.Init.DEFAULT);
    }

    private Method selection(Method method, Set<String> used) {
        for (var option : given()) {
            if (!used.contains(option)) {
                throw new IllegalArgumentException(option + " means nothing to --method " + method.name());
            }
        }
        return method;
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
