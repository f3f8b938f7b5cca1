package lorikeet.peft.cli;

import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import lorikeet.kernels.Unary;
import lorikeet.model.ModelConfig;
import lorikeet.model.ModelShape;
import lorikeet.peft.Bottleneck;
import lorikeet.peft.Dora;
import lorikeet.peft.Ia3;
import lorikeet.peft.InitText;
import lorikeet.peft.Lora;
import lorikeet.peft.LoraBias;
import lorikeet.peft.LoraInit;
import lorikeet.peft.LoraVariant;
import lorikeet.peft.Method;
import lorikeet.peft.PTuning;
import lorikeet.peft.ParallelAdapter;
import lorikeet.peft.PrefixTuning;
import lorikeet.peft.PromptTuning;
import lorikeet.peft.Selection;
import lorikeet.peft.SeriesAdapter;
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
    private static final Set<String> PREFIX = Set.of("--virtual-tokens", "--encoder", "--encoder-hidden", "--init");
    private static final Set<String> LAYERS =
            Set.of("--bottleneck", "--activation", "--scaling", "--targets", "--init");
    /** All options of methods. */
    private static final Set<String> ALL = Stream.of(LORA, PREFIX, LAYERS).flatMap(Set::stream)
            .collect(Collectors.toUnmodifiableSet());
    private static final String METHODS =
            "lora, dora, ia3, prompt, prefix, p-tuning, series, parallel, full, last-layers, bitfit or layer-norms";
    /** The names of all methods. */
    static final List<String> NAMES = List.of(METHODS.split(", | or "));
    /** Starts the name of an initialisation from the text behind it. */
    private static final String TEXT = "text:";

    @Spec(Spec.Target.MIXEE)
    private CommandSpec spec;

    @Option(names = "--method", paramLabel = "NAME", description = METHODS + ". Default: lora.")
    String method;

    @Option(names = "--rank", paramLabel = "N", description = "lora, dora: rank of the product. Default: 4.")
    private Integer rank;

    @Option(names = "--alpha", paramLabel = "X",
            description = "lora, dora: the branch is multiplied by alpha / rank. Default: 8.")
    private Float alpha;

    @Option(names = "--scaling", paramLabel = "NAME|X",
            description = "lora, dora: standard (alpha / rank) or rslora (alpha / √rank). series, parallel: a factor on "
                    + "what is added. Default: standard; 1.")
    private String scaling;

    @Option(names = "--dropout", paramLabel = "P",
            description = "lora, dora: dropout on the branch's input. p-tuning: between the layers of the LSTM. "
                    + "Default: 0.")
    private Float dropout;

    @Option(names = "--targets", paramLabel = "NAMES",
            description = "lora, dora, ia3: linear layers by name or end of name, separated by commas; re:PATTERN; or "
                    + "all-linear. lora: also wte, the token embedding, and c_attn.q, c_attn.k, c_attn.v, the parts of "
                    + "c_attn. series, parallel: attention,mlp or one of them. Default: all-linear; "
                    + "ia3: c_attn,mlp.c_proj; attention,mlp.")
    private String targets;

    @Option(names = "--layers", paramLabel = "LIST",
            description = "lora, dora, ia3: only these layers, such as 0,1,4-5. last-layers: how many. "
                    + "Default: all; 2.")
    private String layers;

    @Option(names = "--init", paramLabel = "NAME",
            description = "First values. lora, dora: default (A uniform, B zero), gaussian (A normal, B zero), pissa "
                    + "(the principal part of the weight) or random (neither is zero). prompt: vocabulary (embeddings of common tokens), "
                    + "text:TEXT (those of a text), uniform or normal. prefix: random or text:TEXT (keys and values of "
                    + "a text). series: near-identity or identity. parallel: identity or near-identity. "
                    + "Default: the first of each.")
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

    @Option(names = "--virtual-tokens", paramLabel = "N",
            description = "prompt, prefix, p-tuning: how many stand in front. Default: 20.")
    private Integer virtualTokens;

    @Option(names = "--encoder", paramLabel = "NAME",
            description = "What makes the vectors in training. prefix: mlp or none. p-tuning: lstm or mlp. "
                    + "Default: the first of each.")
    private String encoder;

    @Option(names = "--encoder-hidden", paramLabel = "N",
            description = "Numbers inside the encoder, for the LSTM in each direction. Default: prefix 512; p-tuning "
                    + "half the model's width for the LSTM, all of it for the MLP.")
    private Integer encoderHidden;

    @Option(names = "--bottleneck", paramLabel = "N",
            description = "series, parallel: numbers in the middle of an adapter. Default: 64.")
    private Integer bottleneck;

    @Option(names = "--activation", paramLabel = "NAME",
            description = "series, parallel: non-linearity, such as gelu, relu or tanh. Default: gelu_new.")
    private String activation;

    /** What turns a text into tokens; asked only where an option needs it. */
    @FunctionalInterface
    interface Tokens {
        List<Integer> of(String text) throws IOException;
    }

    /**
     * @param shape  of the base
     * @param tokens of the base
     * @throws ParameterException if the method is unknown, or does not use an option that was given
     */
    Method method(ModelShape shape, Tokens tokens) throws IOException {
        var name = method == null ? "lora" : method;
        try {
            return switch (name) {
                case "lora" -> using(lora(shape), LORA);
                case "dora" -> using(new Dora(lora(shape)), LORA);
                case "ia3" -> using(ia3(shape), Set.of("--targets", "--layers"));
                case "prompt" -> using(prompt(tokens), Set.of("--virtual-tokens", "--init"));
                case "prefix" -> using(prefix(tokens), PREFIX);
                case "p-tuning" -> using(pTuning(shape),
                        Set.of("--virtual-tokens", "--encoder", "--encoder-hidden", "--dropout"));
                case "series" -> using(new SeriesAdapter(or(bottleneck, 64), activation(), factor(), places(), true,
                        adapterInit("near-identity", "identity")), LAYERS);
                case "parallel" -> using(new ParallelAdapter(or(bottleneck, 64), activation(), factor(), places(), true,
                        adapterInit("identity", "near-identity")), LAYERS);
                case "full" -> using(new Selection.Full(), Set.of());
                case "last-layers" -> using(lastLayers(), Set.of("--layers"));
                case "bitfit" -> using(new Selection.BitFit(), Set.of());
                case "layer-norms" -> using(new Selection.LayerNorms(), Set.of());
                default -> throw new IllegalArgumentException("--method: expected " + METHODS + ", not " + name);
            };
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), e.getMessage(), e);
        }
    }

    /**
     * The method as far as it takes memory, for which first values mean nothing: whatever {@code --init} says, it has the
     * usual ones, so that neither weights nor tokens are asked for.
     */
    Method withUsualInit(ModelShape shape) throws IOException {
        method(shape, _ -> List.of(0)); // says what is wrong with the options
        init = null;
        return method(shape, _ -> List.of(0));
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

    private Lora lora(ModelShape shape) {
        var variant = new LoraVariant(oneOf("--scaling", scaling, "standard", "rslora").equals("rslora"),
                LoraInit.valueOf(
                        oneOf("--init", init, "default", "gaussian", "pissa", "random").toUpperCase(Locale.ROOT)),
                or(ranks, Map.of()), or(alphas, Map.of()),
                LoraBias.valueOf(oneOf("--bias", bias, "none", "all", "lora_only").toUpperCase(Locale.ROOT)),
                or(rateRatio, 1f));
        var chosen = targets("all-linear");
        requireMeaning("--rank-pattern", variant.ranks(), chosen, shape);
        requireMeaning("--alpha-pattern", variant.alphas(), chosen, shape);
        return new Lora(or(rank, 4), or(alpha, 8f), or(dropout, 0f), chosen, variant);
    }

    /** A file may have patterns for more layers than its targets; here one that means none of them is a slip. */
    private static void requireMeaning(String option, Map<String, ?> patterns, Targets chosen, ModelShape shape) {
        if (patterns.isEmpty()) {
            return;
        }
        var places = chosen.in(shape);
        for (var key : patterns.keySet()) {
            boolean means;
            try {
                means = places.stream().anyMatch(place -> LoraVariant.means(key, place));
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException(option + ": " + e.getMessage(), e);
            }
            if (!means) {
                throw new IllegalArgumentException(option + ": " + key + " matches none of the targets");
            }
        }
    }

    private Ia3 ia3(ModelShape shape) {
        var usual = shape.isGpt2() ? Ia3.USUAL : Ia3.USUAL_LLAMA;
        return new Ia3(targets(String.join(",", usual.targets().include().names())), usual.inputs());
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

    private PromptTuning prompt(Tokens tokens) throws IOException {
        var text = initText(tokens);
        return new PromptTuning(or(virtualTokens, 20), text != null
                ? new PromptTuning.Init.Text(text)
                : switch (oneOf("--init", init, "vocabulary", "uniform", "normal", TEXT)) {
                    case "vocabulary" -> new PromptTuning.Init.Vocabulary();
                    case "uniform" -> new PromptTuning.Init.Uniform();
                    default -> new PromptTuning.Init.Normal();
                });
    }

    private PrefixTuning prefix(Tokens tokens) throws IOException {
        boolean projected = oneOf("--encoder", encoder, "mlp", "none").equals("mlp");
        if (!projected && encoderHidden != null) {
            throw new IllegalArgumentException("--encoder-hidden means nothing to --encoder none");
        }
        var text = initText(tokens);
        if (text == null) {
            oneOf("--init", init, "random", TEXT);
        }
        return new PrefixTuning(or(virtualTokens, 20), projected, or(encoderHidden, projected ? 512 : 0), text);
    }

    /** The text that {@code --init} names, or null if it names something else. */
    private InitText initText(Tokens tokens) throws IOException {
        if (init == null || !init.startsWith(TEXT) || init.equals(TEXT)) {
            return null;
        }
        var text = init.substring(TEXT.length());
        return new InitText(text, null, tokens.of(text));
    }

    private PTuning pTuning(ModelShape shape) {
        boolean lstm = oneOf("--encoder", encoder, "lstm", "mlp").equals("lstm");
        if (!lstm && dropout != null) {
            throw new IllegalArgumentException("--dropout means nothing to --encoder mlp");
        }
        return new PTuning(or(virtualTokens, 20), lstm ? PTuning.Encoder.LSTM : PTuning.Encoder.MLP,
                or(encoderHidden, lstm ? shape.width() / 2 : shape.width()), 2, or(dropout, 0f));
    }

    private Unary activation() {
        try {
            return ModelConfig.activation(or(activation, "gelu_new"));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("--activation: " + e.getMessage(), e);
        }
    }

    private float factor() {
        try {
            return scaling == null ? 1 : Float.parseFloat(scaling);
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException("--scaling: expected a number, not " + scaling, e);
        }
    }

    private Set<Bottleneck.Place> places() {
        return Stream.of(or(targets, "attention,mlp").split("\\s*,\\s*"))
                .map(name -> Bottleneck.Place.valueOf(oneOf("--targets", name, "attention", "mlp")
                        .toUpperCase(Locale.ROOT)))
                .collect(Collectors.toUnmodifiableSet());
    }

    private Bottleneck.Init adapterInit(String... names) {
        return oneOf("--init", init, names).equals("identity")
                ? Bottleneck.Init.IDENTITY
                : Bottleneck.Init.NEAR_IDENTITY;
    }

    private static <T> T or(T value, T otherwise) {
        return value == null ? otherwise : value;
    }

    /** The first of {@code choices} is the default. */
    private static String oneOf(String option, String value, String... choices) {
        var chosen = value == null ? choices[0] : value.toLowerCase(Locale.ROOT);
        if (!List.of(choices).contains(chosen) || chosen.equals(TEXT)) {
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
            return Stream.of(layers.split(",", -1)).flatMapToInt(part -> {
                var ends = part.strip().split("-", 2);
                int first = Integer.parseInt(ends[0]);
                int last = Integer.parseInt(ends[ends.length - 1]);
                if (first > last) {
                    throw new NumberFormatException(part + " is empty");
                }
                return IntStream.rangeClosed(first, last);
            }).boxed().collect(Collectors.toUnmodifiableSet());
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException("--layers: expected numbers such as 0,1,4-5, not " + layers, e);
        }
    }
}
