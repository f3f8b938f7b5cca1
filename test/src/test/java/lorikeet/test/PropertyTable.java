package lorikeet.test;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import lorikeet.kernels.Unary;
import lorikeet.peft.Bottleneck.Init;
import lorikeet.peft.Bottleneck.Place;
import lorikeet.peft.Dora;
import lorikeet.peft.Ia3;
import lorikeet.peft.Lora;
import lorikeet.peft.LoraBias;
import lorikeet.peft.LoraInit;
import lorikeet.peft.LoraVariant;
import lorikeet.peft.Method;
import lorikeet.peft.NamePattern;
import lorikeet.peft.PTuning;
import lorikeet.peft.ParallelAdapter;
import lorikeet.peft.PrefixTuning;
import lorikeet.peft.PromptTuning;
import lorikeet.peft.Selection;
import lorikeet.peft.SeriesAdapter;
import lorikeet.peft.Targets;

/** Every method, and what should hold for it. */
final class PropertyTable {
    private PropertyTable() {}

    /** The rows. */
    static Map<String, Method> methods() {
        var all = Targets.of("all-linear");
        var usual = LoraVariant.PLAIN;
        var methods = new LinkedHashMap<String, Method>();
        methods.put("prompt tuning, HF's start", new PromptTuning(3, new PromptTuning.Init.Normal()));
        methods.put("prompt tuning, the paper's start", new PromptTuning(3, new PromptTuning.Init.Uniform()));
        methods.put("prompt tuning, from the vocabulary", new PromptTuning(3, new PromptTuning.Init.Vocabulary()));
        methods.put("prefix tuning", new PrefixTuning(3, false, 0, null));
        methods.put("prefix tuning, projected", new PrefixTuning(3, true, 5, null));
        methods.put("P-tuning, LSTM", new PTuning(3, PTuning.Encoder.LSTM, 6, 2, 0));
        methods.put("P-tuning, MLP", new PTuning(3, PTuning.Encoder.MLP, 12, 2, 0));
        methods.put("LoRA", new Lora(2, 4, all));
        methods.put("LoRA, rsLoRA, other ranks and alphas",
                new Lora(3, 4, 0, Targets.of("c_attn", "c_fc"), usual.withRsLora(true)
                        .withPatterns(Map.of("h.1.mlp.c_fc", 2), Map.of("h.0.attn.c_attn", 7f))));
        methods.put("LoRA, Gaussian start, in layer 1", new Lora(2, 4, 0,
                new Targets(all.include(), NamePattern.NONE, Set.of(1)), usual.withInit(LoraInit.GAUSSIAN)));
        methods.put("LoRA, random start", new Lora(2, 4, 0, all, usual.withInit(LoraInit.RANDOM)));
        methods.put("LoRA+", new Lora(2, 4, 0, Targets.of("c_attn"), usual.withRateRatio(16)));
        methods.put("LoRA, PiSSA", new Lora(2, 4, 0, all, usual.withInit(LoraInit.PISSA)));
        methods.put("LoRA, queries and values", new Lora(2, 4, Targets.of("c_attn.q", "c_attn.v")));
        methods.put("LoRA, token embedding", new Lora(2, 4, Targets.of("wte", "c_attn")));
        methods.put("LoRA, biases of its layers",
                new Lora(2, 4, 0, Targets.of("c_attn"), usual.withBias(LoraBias.LORA_ONLY)));
        methods.put("LoRA, all biases", new Lora(2, 4, 0, Targets.of("c_attn"), usual.withBias(LoraBias.ALL)));
        methods.put("DoRA", new Dora(new Lora(2, 4, all)));
        methods.put("IA3", Ia3.USUAL);
        methods.put("series adapters, Houlsby et al.", new SeriesAdapter(3, Unary.GELU_TANH, 1, Set.of(Place.values()),
                true, Init.NEAR_IDENTITY));
        methods.put("series adapters, Hu et al.",
                new SeriesAdapter(3, Unary.TANH, 1, Set.of(Place.MLP), false, Init.NEAR_IDENTITY));
        methods.put("series adapters, at identity",
                new SeriesAdapter(3, Unary.SILU, 0.5f, Set.of(Place.values()), true, Init.IDENTITY));
        methods.put("parallel adapters", new ParallelAdapter(3, Unary.RELU, 4, Set.of(Place.values()), true,
                Init.IDENTITY));
        methods.put("full fine-tuning", new Selection.Full());
        methods.put("last layers", new Selection.LastLayers(1));
        methods.put("BitFit", new Selection.BitFit());
        methods.put("layer norms", new Selection.LayerNorms());
        return methods;
    }

    /** The columns: what the libraries of this field test between them, and more. */
    static List<Property> properties() {
        return List.of(
                new Property("a fresh adapter changes no output", FirstValues::whyNoNoOp, FirstValues::noOp),
                Property.of("first values are distributed as the method says", FirstValues::distributions),
                new Property("the scale is the one that the options say", FirstValues::whyNoScale, FirstValues::scale),
                Property.of("every trainable number has a gradient, no frozen one has", TrainingProperties::gradients),
                Property.of("three steps change everything trainable and nothing else", TrainingProperties::threeSteps),
                Property.of("unplugged it leaves the base's outputs, plugged in again its own",
                        CompositionProperties::outAndIn),
                merging("merged, the outputs are those of the adapter beside the base", MergingProperties::sameOutputs),
                merging("merging twice changes nothing", MergingProperties::twice),
                merging("unmerging gives the base back bit for bit, after other merges too",
                        MergingProperties::unmerged),
                merging("NaN and infinity are refused, the base stays intact",
                        MergingProperties::refusesWhatIsNotFinite),
                Property.of("detached, it leaves the base bit for bit and no memory", CompositionProperties::detached),
                Property.of("files give outputs and values back, and hold nothing else", FileProperties::roundTrip),
                Property.of("tensors that are missing, misshapen or strange are named", FileProperties::strict),
                Property.of("recomputing activations gives the same bits", TrainingProperties::recomputation),
                new Property("virtual tokens act as tokens, and files of their vectors alone suffice",
                        CompositionProperties::whyNoVirtualTokens, CompositionProperties::actAsTokens),
                new Property("it acts where its targets say", CompositionProperties::whyNoTargets,
                        CompositionProperties::targets),
                Property.of("several are switched, stacked and removed", CompositionProperties::several),
                new Property("sequences of one batch use different ones", CompositionProperties::whyNotMixed,
                        CompositionProperties::mixed),
                new Property("beside a base in bf16 it does the same", MergingProperties::whyNoBf16Base,
                        MergingProperties::bf16Base),
                Property.of("training goes on from its files", TrainingProperties::goesOn),
                Property.of("the configuration survives its file; unknown fields are warned of",
                        FileProperties::configuration),
                Property.of("attaching fails cleanly at every step", CompositionProperties::failsCleanly),
                Property.of("formula and census count the same; a seed gives the same values",
                        FirstValues::countedAndRepeatable));
    }

    private static Property merging(String name, Property.Check check) {
        return new Property(name, MergingProperties::whyNotMerged, check);
    }

    /** The table as docs/properties.md has it. */
    static String markdown() {
        var properties = properties();
        var text = new StringBuilder("""
                # What is tested of every method

                Rows are methods, columns are properties. Each ✓ is a test that runs on every device (`PropertyTableTest`,
                which also compares this page with the table it runs); a letter says why a property has no meaning there.
                That gradients are right is tested apart, by central differences (`MethodGradientTest`).

                """);
        for (int p = 0; p < properties.size(); p++) {
            text.append("%d. %s%n".formatted(p + 1, properties.get(p).name()));
        }
        var reasons = new LinkedHashMap<String, String>();
        text.append("\n| |");
        for (int p = 1; p <= properties.size(); p++) {
            text.append(" ").append(p).append(" |");
        }
        text.append("\n|---").append("|---".repeat(properties.size())).append("|\n");
        methods().forEach((name, method) -> {
            text.append("| ").append(name).append(" |");
            for (var property : properties) {
                var reason = property.notFor().apply(method);
                text.append(" ").append(reason == null
                        ? "✓"
                        : reasons.computeIfAbsent(reason, _ -> String.valueOf((char) ('a' + reasons.size()))))
                        .append(" |");
            }
            text.append("\n");
        });
        text.append("\n");
        reasons.forEach((reason, letter) -> text.append("- ").append(letter).append(": ").append(reason).append("\n"));
        return text.toString();
    }
}
