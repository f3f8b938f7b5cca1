package lorikeet.test;

import static lorikeet.test.Trial.requireClose;
import static lorikeet.test.Trial.requireDifferent;
import static lorikeet.test.Trial.requireSame;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import lorikeet.engine.Autograd;
import lorikeet.engine.Embedding;
import lorikeet.kernels.Purpose;
import lorikeet.model.Decoder;
import lorikeet.model.data.Batch;
import lorikeet.model.data.Example;
import lorikeet.peft.Adapter;
import lorikeet.peft.AdapterSet;
import lorikeet.peft.Bottleneck;
import lorikeet.peft.Dora;
import lorikeet.peft.Ia3;
import lorikeet.peft.InitText;
import lorikeet.peft.Lora;
import lorikeet.peft.LoraBias;
import lorikeet.peft.LoraInit;
import lorikeet.peft.Mergeable;
import lorikeet.peft.Method;
import lorikeet.peft.NamePattern;
import lorikeet.peft.PTuning;
import lorikeet.peft.ParallelAdapter;
import lorikeet.peft.PrefixTuning;
import lorikeet.peft.PromptLearning;
import lorikeet.peft.PromptTuning;
import lorikeet.peft.Selection;
import lorikeet.peft.SeriesAdapter;
import lorikeet.peft.Targets;
import lorikeet.peft.VirtualTokens;

/** Plugging in and out, where a method acts, and several adapters on one decoder. */
final class CompositionProperties {
    private static final Lora OTHER = new Lora(2, 4, Targets.of("c_attn", "mlp.c_fc"));

    private CompositionProperties() {}

    /** Nothing is plugged in anywhere. */
    static void requireBare(Decoder decoder) {
        assertThat(decoder.virtualTokens()).isZero();
        assertThat(decoder.embedding().plugged()).isEmpty();
        assertThat(decoder.linears()).allMatch(linear -> linear.plugged().isEmpty());
        assertThat(decoder.blocks()).allMatch(block -> block.afterAttention().plugged().isEmpty()
                && block.afterMlp().plugged().isEmpty());
    }

    // ---- in and out ----------------------------------------------------------------------------------------------------

    static void outAndIn(Trial trial) {
        var base = trial.baseLogits();
        var subject = trial.learned();
        trial.train(subject, 1);
        var adapted = trial.logits(subject);
        requireDifferent(firstLogits(trial, adapted, base), base);
        subject.adapter().unplug();
        requireBare(subject.decoder());
        requireSame(trial.logits(subject), base);
        subject.adapter().plug();
        subject.adapter().plug();
        requireSame(trial.logits(subject), adapted);
        if (subject.adapter() instanceof Mergeable mergeable) {
            mergeable.merge();
            mergeable.unplug();
            requireSame(trial.logits(subject), base);
        }
    }

    /** Where virtual tokens have logits too, as many of them as the base has, to be told apart from its. */
    private static float[] firstLogits(Trial trial, float[] adapted, float[] base) {
        return trial.method instanceof PromptLearning ? Arrays.copyOf(adapted, base.length) : adapted;
    }

    static void detached(Trial trial) {
        try (var decoder = trial.base()) {
            var weights = Trial.weights(decoder);
            var logits = trial.logits(decoder);
            long bytes = trial.device.memory().ledger().current();
            var adapter = trial.method.attach(decoder, 1);
            Trial.disturb(adapter, 2);
            trial.train(new Subject(decoder, adapter), 1);
            adapter.detach();
            requireBare(decoder);
            requireSame(Trial.weights(decoder), weights);
            requireSame(trial.logits(decoder), logits);
            decoder.parameters().values().forEach(weight -> assertThat(weight.requiresGrad()).isFalse());
            assertThat(trial.device.memory().ledger().current() - gradients(trial)).isEqualTo(bytes);
        }
    }

    /** The base's own parameters keep the memory of their gradients. */
    private static long gradients(Trial trial) {
        return trial.device.memory().ledger().current(Purpose.GRADIENTS);
    }

    // ---- virtual tokens ------------------------------------------------------------------------------------------------

    static String whyNoVirtualTokens(Method method) {
        return method instanceof PromptLearning ? null : "it has no virtual tokens";
    }

    /**
     * Virtual tokens that hold what real ones have act as these: embeddings in front of the sequence, or keys and values of
     * every layer, at the positions before the sequence's. And only what the network makes of them counts.
     */
    static void actAsTokens(Trial trial) {
        int[] text = {3, 11, 7, 2};
        var virtual = (PromptLearning) trial.method;
        try (var decoder = trial.base()) {
            var read = trial.logits(decoder, prefixed(trial, text));
            var plain = attachText(decoder, virtual, text);
            var actual = trial.logits(decoder);
            requireClose(actual, virtual instanceof PrefixTuning ? without(trial, read, text.length) : read);
            plain.detach();
        }
        var subject = trial.learned();
        var adapter = (VirtualTokens) subject.adapter();
        var vectors = adapter.vectors();
        var expected = trial.logits(subject);
        adapter.unplug();
        var table = virtual.attach(subject.decoder(), vectors);
        requireSame(trial.logits(subject), expected);
        table.detach();
        adapter.plug();
    }

    private static Batch prefixed(Trial trial, int[] text) {
        return Batch.of(trial.examples().stream().map(example -> {
            var ids = Arrays.copyOf(text, text.length + example.length());
            System.arraycopy(example.ids(), 0, ids, text.length, example.length());
            return new Example(ids, ids);
        }).toList());
    }

    private static float[] without(Trial trial, float[] logits, int count) {
        int vocabulary = trial.vocabulary();
        var rest = new float[trial.batch.sequences().tokens() * vocabulary];
        int from = 0;
        int to = 0;
        for (var example : trial.examples()) {
            from += count * vocabulary;
            int size = example.length() * vocabulary;
            System.arraycopy(logits, from, rest, to, size);
            from += size;
            to += size;
        }
        return rest;
    }

    private static VirtualTokens attachText(Decoder decoder, PromptLearning method, int[] text) {
        var tokens = new InitText("text", null, Arrays.stream(text).boxed().toList());
        return switch (method) {
            case PrefixTuning _ -> new PrefixTuning(text.length, false, 0, tokens).attach(decoder, 1);
            case PromptTuning _ -> new PromptTuning(text.length, new PromptTuning.Init.Text(tokens)).attach(decoder, 1);
            case PTuning pTuning -> new PTuning(text.length, pTuning.encoder(), pTuning.hidden(), pTuning.depth(), 0)
                    .attach(decoder, embeddings(decoder, text));
        };
    }

    private static float[] embeddings(Decoder decoder, int[] text) {
        try (var _ = decoder.device().memory().scope()) {
            return Autograd.off(() -> Embedding.lookup(decoder.tokenEmbedding(), text)).toArray();
        }
    }

    // ---- where it acts -------------------------------------------------------------------------------------------------

    static String whyNoTargets(Method method) {
        return switch (method) {
            case PromptLearning _ -> "it acts in front of the sequence, not on chosen layers";
            case Selection.LastLayers _ -> null;
            case Selection _ -> "what it trains is its definition";
            default -> null;
        };
    }

    static void targets(Trial trial) {
        switch (trial.method) {
            case Lora lora -> targets(trial, targets -> new Lora(lora.rank(), lora.alpha(), 0, targets,
                    lora.variant().withBias(LoraBias.NONE).withPatterns(Map.of(), Map.of())));
            case Dora _ -> targets(trial, targets -> new Dora(new Lora(2, 4, targets)));
            case Ia3 _ -> targets(trial, targets -> new Ia3(targets, NamePattern.NONE));
            case Bottleneck bottleneck -> {
                for (var place : Bottleneck.Place.values()) {
                    var names = names(trial, at(bottleneck, EnumSet.of(place)));
                    var expected = place == Bottleneck.Place.MLP ? "output_adapters" : "attention_adapters";
                    assertThat(names).isNotEmpty().allMatch(name -> name.contains(expected));
                }
            }
            case Selection.LastLayers _ -> {
                assertThat(names(trial, new Selection.LastLayers(1))).isNotEmpty()
                        .allMatch(name -> name.startsWith("h.1.") || name.startsWith("ln_f."));
                assertThat(names(trial, new Selection.LastLayers(9))).anyMatch(name -> name.startsWith("h.0."))
                        .noneMatch(name -> name.startsWith("w"));
            }
            default -> throw new AssertionError(trial.method);
        }
    }

    /** By end of name, by expression, without exceptions, in layer 0 alone, everywhere; and nowhere is an error. */
    private static void targets(Trial trial, Function<Targets, Method> with) {
        assertThat(layers(trial, with.apply(Targets.of("c_proj")))).containsExactlyInAnyOrder("h.0.attn.c_proj",
                "h.0.mlp.c_proj", "h.1.attn.c_proj", "h.1.mlp.c_proj");
        assertThat(layers(trial, with.apply(Targets.parse("re:.*\\.1\\.mlp\\..*", Set.of()))))
                .containsExactlyInAnyOrder("h.1.mlp.c_fc", "h.1.mlp.c_proj");
        var all = Targets.parse("all-linear", Set.of(0));
        assertThat(layers(trial, with.apply(all))).containsExactlyInAnyOrder("h.0.attn.c_attn", "h.0.attn.c_proj",
                "h.0.mlp.c_fc", "h.0.mlp.c_proj");
        var exclude = new NamePattern(List.of("mlp.c_fc", "c_proj"), null);
        assertThat(layers(trial, with.apply(new Targets(all.include(), exclude, Set.of()))))
                .containsExactlyInAnyOrder("h.0.attn.c_attn", "h.1.attn.c_attn");
        assertThat(layers(trial, with.apply(Targets.of("all-linear")))).hasSize(8);
        for (var nowhere : List.of(Targets.of("c_attn", "q_proj"), Targets.parse("re:c_.*", Set.of()),
                Targets.parse("c_attn", Set.of(2)))) {
            try (var decoder = trial.base()) {
                assertThatThrownBy(() -> with.apply(nowhere).attach(decoder, 1))
                        .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("matches no layer");
                requireBare(decoder);
            }
        }
    }

    private static List<String> names(Trial trial, Method method) {
        return List.copyOf(trial.attached(method).adapter().parameters().keySet());
    }

    private static Set<String> layers(Trial trial, Method method) {
        return names(trial, method).stream().map(name -> name.replaceFirst("\\.(lora_|ia3_).*", ""))
                .collect(Collectors.toSet());
    }

    private static Bottleneck at(Bottleneck method, Set<Bottleneck.Place> places) {
        return switch (method) {
            case SeriesAdapter(var size, var activation, var scaling, _, var biases, var init) -> new SeriesAdapter(
                    size, activation, scaling, places, biases, init);
            case ParallelAdapter(var size, var activation, var scaling, _, var biases, var init) -> new ParallelAdapter(
                    size, activation, scaling, places, biases, init);
        };
    }

    // ---- several -------------------------------------------------------------------------------------------------------

    /** Switched away and back, stacked, merged, and removed; one that cannot be attached leaves nothing. */
    static void several(Trial trial) {
        try (var decoder = trial.base()) {
            var weights = Trial.weights(decoder);
            var base = trial.logits(decoder);
            try (var set = new AdapterSet(decoder)) {
                Trial.disturb(set.attach("first", trial.method, 1), 2);
                var first = trial.logits(decoder);
                Trial.disturb(set.attach("second", OTHER, 1), 3);
                var second = trial.logits(decoder);
                assertThatThrownBy(() -> set.attach("first", OTHER, 1)).isInstanceOf(IllegalArgumentException.class);
                assertThatThrownBy(() -> set.attach("third", new Lora(2, 4, Targets.of("none")), 1))
                        .isInstanceOf(IllegalArgumentException.class);
                requireSame(trial.logits(decoder), second);
                set.use("first");
                requireSame(trial.logits(decoder), first);
                set.use("second", "first");
                assertThat(Arrays.equals(trial.logits(decoder), first)).isFalse();
                set.use();
                requireSame(trial.logits(decoder), base);
                if (set.get("first") instanceof Mergeable mergeable) {
                    mergeable.merge();
                    requireClose(trial.logits(decoder), first);
                    mergeable.unplug();
                }
                set.use("second");
                set.remove("first");
                requireSame(trial.logits(decoder), second);
                assertThat(set.adapters()).containsOnlyKeys("second");
            }
            requireBare(decoder);
            requireSame(Trial.weights(decoder), weights);
        }
    }

    /** Attaching fails at each of its verbs in turn: the base is as it was, and no memory is lost. */
    static void failsCleanly(Trial trial) throws ReflectiveOperationException {
        int[] left = {Integer.MAX_VALUE};
        var device = ObservedDevice.of(trial.device, (_, _) -> {
            if (left[0]-- == 0) {
                throw new IllegalStateException("told to fail");
            }
        });
        try (var decoder = trial.base(device)) {
            var weights = Trial.weights(decoder);
            long bytes = device.memory().ledger().current();
            Adapter attached = null;
            for (int verbs = 0; attached == null; verbs++) {
                left[0] = verbs;
                try {
                    attached = trial.method.attach(decoder, 1);
                } catch (IllegalStateException _) {
                    assertThat(device.memory().ledger().current()).as("after %d verbs", verbs).isEqualTo(bytes);
                    requireBare(decoder);
                    requireSame(Trial.weights(decoder), weights);
                }
            }
            left[0] = Integer.MAX_VALUE;
            attached.detach();
        }
        device.memory().trim();
    }

    static String whyNotMixed(Method method) {
        boolean changesBase = method instanceof Selection
                || method instanceof Lora lora && changesBase(lora) || method instanceof Dora(Lora inner)
                        && changesBase(inner);
        return changesBase
                ? "it changes the base's own numbers, which all sequences share"
                : method instanceof PromptLearning ? "its virtual tokens stand in front of all sequences" : null;
    }

    private static boolean changesBase(Lora lora) {
        return lora.variant().init() == LoraInit.PISSA || lora.variant().bias() != LoraBias.NONE;
    }

    /** Each sequence of a batch is computed as if all used its adapter. */
    static void mixed(Trial trial) {
        try (var decoder = trial.base(); var set = new AdapterSet(decoder)) {
            var base = trial.logits(decoder);
            Trial.disturb(set.attach("first", trial.method, 1), 2);
            var first = trial.logits(decoder);
            Trial.disturb(set.attach("second", OTHER, 1), 3);
            var second = trial.logits(decoder);
            var alone = Map.of(AdapterSet.BASE, base, "first", first, "second", second);
            for (var names : List.of(List.of("first", AdapterSet.BASE, "second"),
                    List.of("second", "first", "first"))) {
                set.mix(names);
                var mixed = trial.logits(decoder);
                for (int s = 0; s < names.size(); s++) {
                    requireClose(trial.rows(mixed, s), trial.rows(alone.get(names.get(s)), s));
                }
            }
        }
    }
}
