package lorikeet.test.reference;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.UnaryOperator;

/**
 * A method on a very small random decoder.
 *
 * @param base    parameters of the base
 * @param adapter parameters of the method; empty where it only chooses parameters of the base
 */
public record ReferenceCase(String name, GptConfig config, List<Method> methods, Map<String, double[]> base,
        Map<String, double[]> adapter, Batch batch) {
    private static final GptConfig SMALL = GptConfig.gpt2(13, 16, 12, 2, 3);
    /** For differences with respect to every number of the base. */
    private static final GptConfig TINY = GptConfig.gpt2(7, 8, 6, 2, 3);
    private static final String[] LINEAR = {"attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"};
    private static final String[] PLACES = {"attention_adapters", "output_adapters"};

    /** Every method in every form. */
    public static List<ReferenceCase> all() {
        var cases = new ArrayList<ReferenceCase>();
        cases.add(of("full", TINY, weights -> weights));
        cases.add(of("full, exact GELU, untied head, scaled by layer",
                TINY.withActivation(Activation.GELU).withUntiedHead().withScaleByLayer(), weights -> weights));
        cases.add(of("full, ReLU", TINY.withActivation(Activation.RELU), weights -> weights));
        cases.add(of("full, SiLU", TINY.withActivation(Activation.SILU), weights -> weights));
        cases.add(of("LoRA", SMALL, weights -> weights.lora(2, false, "attn.c_attn"), new Method.Lora(3)));
        cases.add(of("LoRA everywhere, rsLoRA, own alpha", SMALL, weights -> weights.lora(3, false, LINEAR)
                .loraOfEmbedding(2), new Method.Lora(2, Map.of("transformer.h.1.mlp.c_fc", 5.0), true)));
        cases.add(of("LoRA on queries and values", SMALL, weights -> weights.loraOfProjections(2, "q", "v"),
                new Method.Lora(4)));
        cases.add(of("DoRA", SMALL, weights -> weights.lora(2, true, LINEAR), new Method.Lora(3)));
        cases.add(of("IA3", SMALL, weights -> weights.ia3Outputs("attn.c_attn").ia3Inputs("mlp.c_proj"),
                new Method.Ia3(Set.of("mlp.c_proj"))));
        cases.add(of("prompt tuning", SMALL, weights -> weights.prompt(3), new Method.Prompt()));
        cases.add(of("prefix tuning", SMALL, weights -> weights.prefix(3), new Method.Prefix(3)));
        cases.add(
                of("prefix tuning, projected", SMALL, weights -> weights.projectedPrefix(3, 5), new Method.Prefix(3)));
        cases.add(of("P-tuning, MLP", SMALL, weights -> weights.pTuningMlp(3, 5), new Method.PTuning()));
        cases.add(of("P-tuning, LSTM", SMALL, weights -> weights.pTuningLstm(3, 5, 2), new Method.PTuning()));
        for (var activation : Activation.values()) {
            cases.add(of("series adapters, " + activation, SMALL, weights -> weights.bottleneck(3, true, PLACES),
                    new Method.Bottleneck(false, activation, 1)));
        }
        cases.add(of("series adapters after the MLP", SMALL, weights -> weights.bottleneck(3, false, PLACES[1]),
                new Method.Bottleneck(false, Activation.TANH, 1)));
        cases.add(of("parallel adapters", SMALL, weights -> weights.bottleneck(3, true, PLACES),
                new Method.Bottleneck(true, Activation.TANH, 4)));
        cases.add(of("parallel adapters in the MLP", SMALL, weights -> weights.bottleneck(3, false, PLACES[1]),
                new Method.Bottleneck(true, Activation.TANH, 1)));
        cases.add(of("LoRA, IA3, prefix and adapters together", SMALL,
                weights -> weights.lora(2, false, "attn.c_attn").ia3Outputs("attn.c_proj").prefix(2).bottleneck(2, true,
                        PLACES),
                new Method.Lora(3), new Method.Ia3(Set.of()), new Method.Prefix(2),
                new Method.Bottleneck(false, Activation.TANH, 1)));
        return cases;
    }

    private static ReferenceCase of(String name, GptConfig config, UnaryOperator<RandomWeights> parameters,
            Method... methods) {
        var weights = new RandomWeights(config, name.hashCode());
        var base = weights.base().take();
        return new ReferenceCase(name, config, List.of(methods), base, parameters.apply(weights).take(),
                weights.batch(2, 6));
    }

    public ReferenceDecoder decoder() {
        return new ReferenceDecoder(config, methods.toArray(Method[]::new));
    }

    /** Base and adapter in one map. */
    public Map<String, double[]> parameters() {
        var all = new TreeMap<>(base);
        all.putAll(adapter);
        return all;
    }

    @Override
    public String toString() {
        return name;
    }
}
