package lorikeet.bench;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.IntFunction;
import java.util.regex.Pattern;
import lorikeet.kernels.Unary;
import lorikeet.peft.Bottleneck;
import lorikeet.peft.Dora;
import lorikeet.peft.Ia3;
import lorikeet.peft.Lora;
import lorikeet.peft.Method;
import lorikeet.peft.PTuning;
import lorikeet.peft.ParallelAdapter;
import lorikeet.peft.PrefixTuning;
import lorikeet.peft.PromptTuning;
import lorikeet.peft.Selection;
import lorikeet.peft.SeriesAdapter;
import lorikeet.peft.Targets;

/** The methods that are measured, by name: each as its paper has it, LoRA on two choices of layers. */
final class Methods {
    static final String LORA_ATTENTION = "lora-c_attn";
    static final String LORA_ALL = "lora-all";
    static final String FULL = "full";

    /** Of LoRA and DoRA where the name says no other. */
    static final int RANK = 8;
    private static final Set<Bottleneck.Place> BOTH = Set.of(Bottleneck.Place.ATTENTION, Bottleneck.Place.MLP);
    private static final Map<String, Method> ALL = new LinkedHashMap<>();

    static {
        ALL.put(LORA_ATTENTION, lora("c_attn", RANK));
        ALL.put(LORA_ALL, lora("all-linear", RANK));
        ALL.put("dora", new Dora(lora("all-linear", RANK)));
        ALL.put("ia3", Ia3.USUAL);
        ALL.put("prompt", new PromptTuning(20, new PromptTuning.Init.Normal()));
        ALL.put("prefix", new PrefixTuning(20, false, 0, null));
        ALL.put("p-tuning", new PTuning(20, PTuning.Encoder.MLP, 256, 2, 0));
        ALL.put("series", new SeriesAdapter(64, Unary.GELU_TANH, 1, BOTH, true, Bottleneck.Init.NEAR_IDENTITY));
        ALL.put("parallel", new ParallelAdapter(64, Unary.GELU_TANH, 1, BOTH, true, Bottleneck.Init.IDENTITY));
        ALL.put(FULL, new Selection.Full());
        ALL.put("last-layers", new Selection.LastLayers(2));
        ALL.put("bitfit", new Selection.BitFit());
        ALL.put("layer-norms", new Selection.LayerNorms());
    }

    /** For series of ranks: {@code lora-all r=16}. */
    private static final Pattern RANKED = Pattern.compile("lora-all r=(\\d+)");
    static final IntFunction<String> LORA_OF_RANK = rank -> LORA_ALL + " r=" + rank;

    private Methods() {}

    static Lora lora(String targets, int rank) {
        return new Lora(rank, 2 * rank, Targets.of(targets));
    }

    static List<String> names() {
        return List.copyOf(ALL.keySet());
    }

    static Method of(String name) {
        var ranked = RANKED.matcher(name);
        if (ranked.matches()) {
            return lora("all-linear", Integer.parseInt(ranked.group(1)));
        }
        if (!ALL.containsKey(name)) {
            throw new IllegalArgumentException("expected one of " + names() + ", not " + name);
        }
        return ALL.get(name);
    }
}
