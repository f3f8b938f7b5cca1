package lorikeet.test.reference;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * The decoder and every fine-tuning method once more: in doubles, one sequence at a time, as the papers write them, and
 * without any class of the engine. What the engine computes is compared with this.
 *
 * <p>Parameters are arrays by name, those of the base and those of the methods in one map; names and layouts are Hugging
 * Face's, see {@link Method}. Nothing is kept between calls, so arrays may be changed in between, as central differences
 * do.
 */
public final class ReferenceDecoder {
    private final GptConfig config;
    private final List<Method> methods;

    public ReferenceDecoder(GptConfig config, Method... methods) {
        this.config = config;
        this.methods = List.of(methods);
    }

    /** [sequences, virtual tokens of a prompt + length, vocabulary]. */
    public double[] logits(Map<String, double[]> parameters, Batch batch) {
        return new Pass(parameters, Set.of()).logits(batch).data;
    }

    /** The mean over all labels that count. */
    public double loss(Map<String, double[]> parameters, Batch batch) {
        return new Pass(parameters, Set.of()).loss(batch).data[0];
    }

    /** The loss, and its gradient with respect to the trainable parameters. */
    public Gradients gradients(Map<String, double[]> parameters, Set<String> trainable, Batch batch) {
        var pass = new Pass(parameters, trainable);
        var loss = pass.loss(batch);
        loss.backward();
        return new Gradients(loss.data[0], pass.parameters.gradients());
    }

    /**
     * ∂loss / ∂parameter[index] by central differences, (f(x + h) − f(x − h)) / 2h. DoRA's norms, which gradients take for
     * constants, keep their values at x.
     */
    public double derivative(Map<String, double[]> parameters, String name, int index, Batch batch) {
        var changed = new HashMap<>(parameters);
        var values = parameters.get(name).clone();
        changed.put(name, values);
        double at = values[index];
        double h = 1e-5 * Math.max(1, Math.abs(at));
        values[index] = at + h;
        double above = new Pass(changed, Set.of(), parameters).loss(batch).data[0];
        values[index] = at - h;
        double below = new Pass(changed, Set.of(), parameters).loss(batch).data[0];
        return (above - below) / (2 * h);
    }

    /** A loss and its gradient by name of parameter. */
    public record Gradients(double loss, Map<String, double[]> byName) {}

    /** Token ids of greedy generation: those of {@code prompt}, then {@code count} new ones. */
    public int[] generate(Map<String, double[]> parameters, int[] prompt, int count) {
        var ids = prompt;
        for (int i = 0; i < count; i++) {
            var mask = new int[ids.length];
            Arrays.fill(mask, 1);
            var logits = logits(parameters, new Batch(new int[][] {ids}, new int[][] {mask}, new int[][] {mask}));
            int last = logits.length - config.vocabulary();
            int best = 0;
            for (int id = 1; id < config.vocabulary(); id++) {
                best = logits[last + id] > logits[last + best] ? id : best;
            }
            ids = Arrays.copyOf(ids, ids.length + 1);
            ids[ids.length - 1] = best;
        }
        return ids;
    }

    /** One forward pass, with the computation behind it. */
    private final class Pass {
        final Parameters parameters;
        /** Where the norms of DoRA are taken from. */
        final Parameters constants;

        Pass(Map<String, double[]> arrays, Set<String> trainable) {
            this(arrays, trainable, arrays);
        }

        Pass(Map<String, double[]> arrays, Set<String> trainable, Map<String, double[]> constants) {
            this.parameters = new Parameters(arrays, trainable);
            this.constants = new Parameters(constants, Set.of());
        }

        Value loss(Batch batch) {
            var logits = logits(batch);
            int length = logits.rows / batch.sequences();
            int virtual = length - batch.ids()[0].length;
            var labels = new int[logits.rows];
            Arrays.fill(labels, -100);
            for (int s = 0; s < batch.sequences(); s++) {
                for (int t = Math.max(0, 1 - virtual); t < batch.ids()[s].length; t++) {
                    labels[s * length + virtual + t - 1] = batch.labels()[s][t];
                }
            }
            return logits.crossEntropy(labels);
        }

        Value logits(Batch batch) {
            return Value.below(IntStream.range(0, batch.sequences())
                    .mapToObj(s -> logits(batch.ids()[s], batch.mask()[s])).toList());
        }

        /** [virtual tokens of a prompt + length, vocabulary]. */
        private Value logits(int[] ids, int[] mask) {
            Value prefix = null;
            var tokens = new ArrayList<>(List.of(embedding(ids)));
            int firstPosition = 0;
            for (var method : methods) {
                switch (method) {
                    case Method.Prompt() -> tokens.addFirst(new PromptEncoder(parameters).prompt(config.width()));
                    case Method.PTuning() -> tokens.addFirst(new PromptEncoder(parameters).pTuning(config.width()));
                    case Method.Prefix(int virtualTokens) -> {
                        int columns = 2 * config.layers() * config.width();
                        prefix = new PromptEncoder(parameters).prefix(virtualTokens, columns);
                        firstPosition = virtualTokens;
                    }
                    default -> {} // acts inside the layers
                }
            }
            var x = Value.below(tokens);
            int prompted = x.rows - ids.length;
            x = x.plus(parameters.matrix("transformer.wpe.weight", config.width())
                    .rowRange(firstPosition, firstPosition + x.rows));
            var visible = visible(firstPosition, prompted, mask);
            for (int layer = 0; layer < config.layers(); layer++) {
                x = block(layer, x, prefix, visible);
            }
            x = layerNorm("transformer.ln_f", x);
            var head = config.tiedHead() ? "transformer.wte.weight" : "lm_head.weight";
            return adapted("lm_head", x, parameters.matrix(head, config.width()).transpose());
        }

        private Value embedding(int[] ids) {
            var x = parameters.matrix("transformer.wte.weight", config.width()).rows(ids);
            var name = "transformer.wte.lora_embedding_";
            for (var method : methods) {
                if (method instanceof Method.Lora lora && parameters.has(name + "A")) {
                    var a = parameters.matrix(name + "A", config.vocabulary()).transpose().rows(ids);
                    var b = parameters.matrix(name + "B", a.columns).transpose();
                    x = x.plus(a.matmul(b).times(lora.scaling("transformer.wte", a.columns)));
                }
            }
            return x;
        }

        /** A query sees the prefix, the prompt, and the tokens up to its own that are no padding. */
        private static boolean[][] visible(int prefix, int prompted, int[] mask) {
            int length = prompted + mask.length;
            var visible = new boolean[length][prefix + length];
            for (int query = 0; query < length; query++) {
                for (int key = 0; key < prefix + length; key++) {
                    int position = key - prefix;
                    visible[query][key] = position <= query && (position < prompted || mask[position - prompted] == 1);
                }
            }
            return visible;
        }

        private Value block(int layer, Value x, Value prefix, boolean[][] visible) {
            var name = "transformer.h." + layer;
            var read = layerNorm(name + ".ln_1", x);
            var attended = attention(name + ".attn", layer, read, prefix, visible);
            x = x.plus(bottleneck(name + ".attention_adapters", read, attended));
            read = layerNorm(name + ".ln_2", x);
            var hidden = config.activation().of(linear(name + ".mlp.c_fc", read));
            return x.plus(bottleneck(name + ".output_adapters", read, linear(name + ".mlp.c_proj", hidden)));
        }

        private Value attention(String name, int layer, Value x, Value prefix, boolean[][] visible) {
            int width = config.width();
            var qkv = linear(name + ".c_attn", x);
            var queries = qkv.part(0, width);
            var keys = qkv.part(1, width);
            var values = qkv.part(2, width);
            if (prefix != null) {
                keys = Value.below(List.of(prefix.part(2 * layer, width), keys));
                values = Value.below(List.of(prefix.part(2 * layer + 1, width), values));
            }
            int size = width / config.heads();
            double scale = config.scaleByHeadSize() ? 1 / Math.sqrt(size) : 1;
            if (config.scaleByLayer()) {
                scale /= layer + 1;
            }
            var heads = new ArrayList<Value>();
            for (int head = 0; head < config.heads(); head++) {
                var scores = queries.part(head, size).matmul(keys.part(head, size).transpose()).times(scale);
                heads.add(scores.softmax(visible).matmul(values.part(head, size)));
            }
            return linear(name + ".c_proj", Value.beside(heads));
        }

        private Value layerNorm(String name, Value x) {
            var y = x.normalised(config.epsilon());
            return y.times(parameters.row(name + ".weight").like(y)).plus(parameters.row(name + ".bias").like(y));
        }

        /** A layer of GPT-2, weight [in, out], with what plugs into it. */
        private Value linear(String name, Value x) {
            var bias = parameters.row(name + ".bias");
            var scale = "%s.ia3_l".formatted(name);
            boolean scalesInput = methods.stream().anyMatch(method -> method instanceof Method.Ia3(Set<String> inputs)
                    && inputs.stream().anyMatch(name::endsWith));
            if (parameters.has(scale) && scalesInput) {
                x = x.times(parameters.row(scale).like(x));
            }
            var y = adapted(name, x, parameters.matrix(name + ".weight", bias.columns));
            y = y.plus(bias.like(y));
            return parameters.has(scale) && !scalesInput ? y.times(parameters.row(scale).like(y)) : y;
        }

        /** x · weight with the LoRA of that name, if there is one. */
        private Value adapted(String name, Value x, Value weight) {
            var y = x.matmul(weight);
            for (var method : methods) {
                if (method instanceof Method.Lora lora) {
                    if (parameters.has(name + ".lora_A.weight")) {
                        y = magnitude(name, y.plus(x.matmul(delta(parameters, name, "", x.columns, lora))), lora);
                    } else if (name.endsWith("attn.c_attn")) {
                        y = y.plus(Value.beside(List.of(third(name, "_q", x, lora), third(name, "_k", x, lora),
                                third(name, "_v", x, lora))));
                    }
                }
            }
            return y;
        }

        /** What queries, keys or values get from a pair of their own; zeros where there is none. */
        private Value third(String name, String part, Value x, Method.Lora lora) {
            return parameters.has(name + ".lora_A" + part + ".weight")
                    ? x.matmul(delta(parameters, name, part, x.columns, lora))
                    : Value.constant(x.rows, config.width(), new double[x.rows * config.width()]);
        }

        /** scaling · (B A)ᵀ, [in, out]. */
        private static Value delta(Parameters from, String name, String part, int in, Method.Lora lora) {
            var a = from.matrix(name + ".lora_A" + part + ".weight", in);
            var b = from.matrix(name + ".lora_B" + part + ".weight", a.rows);
            return b.matmul(a).transpose().times(lora.scaling(name, a.rows));
        }

        /** DoRA: each output times its magnitude over the norm of its column of weights, a norm without a gradient. */
        private Value magnitude(String name, Value y, Method.Lora lora) {
            if (!parameters.has(name + ".lora_magnitude_vector")) {
                return y;
            }
            var weight = constants.matrix(name + ".weight", y.columns);
            var adapted = weight.plus(delta(constants, name, "", weight.rows, lora));
            var inverse = new double[y.columns];
            for (int i = 0; i < adapted.data.length; i++) {
                inverse[i % y.columns] += adapted.data[i] * adapted.data[i];
            }
            Arrays.setAll(inverse, c -> 1 / Math.sqrt(inverse[c]));
            var ratio = parameters.row(name + ".lora_magnitude_vector").times(Value.constant(1, y.columns, inverse));
            return y.times(ratio.like(y));
        }

        private Value bottleneck(String name, Value read, Value output) {
            for (var method : methods) {
                if (method instanceof Method.Bottleneck(boolean parallel, Activation activation, double scaling)
                        && parameters.has(name + ".adapter_down.0.weight")) {
                    var hidden = activation.of(parameters.linear(name + ".adapter_down.0", parallel ? read : output));
                    output = output.plus(parameters.linear(name + ".adapter_up", hidden).times(scaling));
                }
            }
            return output;
        }
    }
}
