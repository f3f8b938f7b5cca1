package lorikeet.test;

import static lorikeet.test.Trial.difference;
import static lorikeet.test.Trial.requireClose;
import static lorikeet.test.Trial.requireSame;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Map;
import java.util.stream.IntStream;
import lorikeet.engine.Tensor;
import lorikeet.peft.Bottleneck;
import lorikeet.peft.Dora;
import lorikeet.peft.Lora;
import lorikeet.peft.LoraInit;
import lorikeet.peft.Mergeable;
import lorikeet.peft.Method;
import lorikeet.peft.ParallelAdapter;
import lorikeet.peft.PromptLearning;
import lorikeet.peft.PromptTuning;
import lorikeet.peft.SeriesAdapter;

/** What a method is before it has learned anything: its first values, their number and their effect. */
final class FirstValues {
    private FirstValues() {}

    // ---- a fresh adapter changes nothing -------------------------------------------------------------------------------

    static String whyNoNoOp(Method method) {
        return switch (method) {
            case PromptLearning _ -> "virtual tokens draw attention from the start";
            case Lora lora when lora.variant().init() == LoraInit.RANDOM ->
                "this initialisation is there to do something";
            default -> null;
        };
    }

    static void noOp(Trial trial) {
        var base = trial.baseLogits();
        var fresh = trial.logits(trial.fresh());
        if (trial.method instanceof Bottleneck near && near.init() == Bottleneck.Init.NEAR_IDENTITY) {
            assertThat(difference(fresh, base)).isBetween(1e-9, 1e-2);
        } else {
            requireClose(fresh, base);
        }
    }

    // ---- distributions -------------------------------------------------------------------------------------------------

    static void distributions(Trial trial) {
        var subject = trial.fresh();
        var base = Trial.weights(subject.decoder());
        subject.adapter().parameters().forEach((name, tensor) -> {
            var values = tensor.toArray();
            int inputs = tensor.shape().columns();
            if (base.containsKey(name) || name.contains(".base_layer.")) {
                requireSame(values, base.get(name.replace(".base_layer.", ".")));
            } else if (name.contains("lora_")) {
                requireLora(trial.method, subject, name, tensor);
            } else if (name.endsWith("ia3_l")) {
                requireConstant(values, 1);
            } else if (name.endsWith("embedding.weight")) {
                requireTable(trial.method, values, base.get("wte.weight"));
            } else if (name.contains("lstm_head")) {
                requireUniform(values, 1 / Math.sqrt(hidden(subject)));
            } else if (name.contains("_adapters")) {
                requireBottleneck((Bottleneck) trial.method, name, values, inputs);
            } else if (name.endsWith(".weight")) {
                requireUniform(values, 1 / Math.sqrt(inputs));
            } else {
                assertThat(name).matches("prompt_encoder\\.(transform|mlp_head)\\.\\d\\.bias");
                var weight = subject.adapter().parameters().get(name.replace(".bias", ".weight"));
                requireUniform(values, 1 / Math.sqrt(weight.shape().columns()));
            }
        });
    }

    private static void requireLora(Method method, Subject subject, String name, Tensor tensor) {
        var lora = method instanceof Dora(Lora inner) ? inner : (Lora) method;
        var init = lora.variant().init();
        var values = tensor.toArray();
        int columns = tensor.shape().columns();
        if (name.endsWith("magnitude_vector")) {
            var weight = subject.decoder().parameters().get(name.replace("lora_magnitude_vector", "weight"));
            requireClose(values, norms(weight.toArray(), values.length));
        } else if (name.contains("lora_embedding_A")) {
            requireConstant(values, 0);
        } else if (name.contains("lora_embedding_B")) {
            requireNormal(values, 1);
        } else if (init == LoraInit.PISSA) {
            requirePrincipal(subject, name, values, columns);
        } else if (name.contains("lora_A")) {
            if (init == LoraInit.GAUSSIAN) {
                requireNormal(values, 1.0 / tensor.shape().rows());
            } else {
                requireUniform(values, 1 / Math.sqrt(columns));
            }
        } else if (init == LoraInit.RANDOM) {
            requireUniform(values, 1 / Math.sqrt(columns));
        } else {
            requireConstant(values, 0);
        }
    }

    private static float[] norms(float[] weight, int columns) {
        var norms = new float[columns];
        for (int c = 0; c < columns; c++) {
            double sum = 0;
            for (int i = c; i < weight.length; i += columns) {
                sum += (double) weight[i] * weight[i];
            }
            norms[c] = (float) Math.sqrt(sum);
        }
        return norms;
    }

    /** Singular vectors are orthogonal, and U √Σ and √Σ Vᵀ have the same lengths, the largest first. */
    private static void requirePrincipal(Subject subject, String name, float[] values, int columns) {
        if (name.contains("lora_B")) {
            return; // seen together with A
        }
        int rank = values.length / columns;
        var b = subject.adapter().parameters().get(name.replace("lora_A", "lora_B")).toArray();
        double before = Double.MAX_VALUE;
        for (int r = 0; r < rank; r++) {
            for (int q = 0; q <= r; q++) {
                double ofA = 0;
                double ofB = 0;
                for (int i = 0; i < columns; i++) {
                    ofA += values[r * columns + i] * values[q * columns + i];
                }
                for (int i = 0; i < b.length / rank; i++) {
                    ofB += b[i * rank + r] * b[i * rank + q];
                }
                assertThat(Math.abs(ofA - ofB)).isLessThan(1e-5);
                assertThat(Math.abs(ofA)).isBetween(q == r ? 1e-2 : 0, q == r ? before : 1e-5);
                before = q == r ? ofA : before;
            }
        }
    }

    private static void requireTable(Method method, float[] values, float[] embeddings) {
        if (!(method instanceof PromptTuning(int tokens, var init)) || init instanceof PromptTuning.Init.Normal) {
            requireNormal(values, 1);
        } else if (init instanceof PromptTuning.Init.Uniform) {
            requireUniform(values, 0.5);
        } else {
            int width = values.length / tokens;
            for (int token = 0; token < tokens; token++) {
                var row = Arrays.copyOfRange(values, token * width, (token + 1) * width);
                assertThat(IntStream.range(0, embeddings.length / width)
                        .anyMatch(t -> Arrays.equals(row, Arrays.copyOfRange(embeddings, t * width, (t + 1) * width))))
                        .isTrue();
            }
        }
    }

    private static int hidden(Subject subject) {
        return subject.adapter().parameters().get("prompt_encoder.lstm_head.weight_hh_l0").shape().columns();
    }

    private static void requireBottleneck(Bottleneck method, String name, float[] values, int inputs) {
        if (name.endsWith(".bias")) {
            requireConstant(values, 0);
        } else if (method.init() == Bottleneck.Init.NEAR_IDENTITY) {
            requireNormal(values, 0.01);
        } else if (name.contains("adapter_up")) {
            requireConstant(values, 0);
        } else {
            requireUniform(values, 1 / Math.sqrt(inputs));
        }
    }

    private static void requireConstant(float[] values, float constant) {
        assertThat(values).containsOnly(constant);
    }

    /** Within the bounds, and wide enough for that many numbers: four deviations of the estimate. */
    private static void requireUniform(float[] values, double bound) {
        for (float value : values) {
            assertThat(Math.abs(value)).isLessThanOrEqualTo((float) bound);
        }
        requireDeviation(values, bound / Math.sqrt(3), 0.45);
    }

    private static void requireNormal(float[] values, double deviation) {
        requireDeviation(values, deviation, 0.71);
    }

    /** @param spread of the estimate, times the root of the number of values, relative to the deviation */
    private static void requireDeviation(float[] values, double expected, double spread) {
        double deviation = Math.sqrt(IntStream.range(0, values.length).mapToDouble(i -> (double) values[i] * values[i])
                .average().orElseThrow());
        double tolerance = 4 * spread / Math.sqrt(values.length);
        assertThat(deviation / expected).isBetween(1 - tolerance, 1 + tolerance);
    }

    // ---- scale ---------------------------------------------------------------------------------------------------------

    static String whyNoScale(Method method) {
        return switch (method) {
            case Lora _,Dora _,Bottleneck _ -> null;
            default -> "no factor stands in front of what it adds";
        };
    }

    /** Merged, a LoRA has added scale · (B A)ᵀ, worked out here by hand; a layer adapter's factor moves into W_up. */
    static void scale(Trial trial) {
        if (trial.method instanceof Bottleneck bottleneck) {
            var doubled = trial.attached(withScaling(bottleneck, 2 * bottleneck.scaling()));
            var plain = trial.learned();
            plain.adapter().parameters().forEach((name, tensor) -> {
                var values = tensor.toArray();
                doubled.device().upload(doubled.adapter().parameters().get(name).data(),
                        name.contains("adapter_up") ? times(0.5f, values) : values);
            });
            requireClose(trial.logits(doubled), trial.logits(plain));
            return;
        }
        var subject = trial.learned();
        var before = Trial.weights(subject.decoder());
        var parameters = Subject.values(subject.adapter().parameters());
        ((Mergeable) subject.adapter()).merge();
        var after = Trial.weights(subject.decoder());
        var lora = trial.method instanceof Dora(Lora inner) ? inner : (Lora) trial.method;
        int changed = 0;
        for (var layer : subject.decoder().linears()) {
            var expected = before.get(layer.name() + ".weight").clone();
            for (var part : new String[] {"", "_q", "_k", "_v"}) {
                var a = parameters.get(layer.name() + ".lora_A" + part + ".weight");
                if (a != null) {
                    addProduct(expected, layer.out(), from(part, layer.out()), scale(lora, layer.name(),
                            a.length / layer.in()), a, parameters.get(layer.name() + ".lora_B" + part + ".weight"),
                            layer.in());
                    changed++;
                }
            }
            turn(expected, layer.out(), parameters.get(layer.name() + ".lora_magnitude_vector"));
            requireClose(after.get(layer.name() + ".weight"), expected);
        }
        var ofEmbedding = parameters.get("wte.lora_embedding_A");
        if (ofEmbedding != null) {
            int vocabulary = subject.decoder().shape().vocabulary();
            var expected = before.get("wte.weight").clone();
            addProduct(expected, subject.decoder().shape().width(), 0, scale(lora, "wte",
                    ofEmbedding.length / vocabulary), ofEmbedding, parameters.get("wte.lora_embedding_B"), vocabulary);
            requireClose(after.get("wte.weight"), expected);
            changed++;
        }
        assertThat(changed).isPositive();
    }

    private static int from(String part, int out) {
        return switch (part) {
            case "_k" -> out / 3;
            case "_v" -> 2 * out / 3;
            default -> 0;
        };
    }

    private static double scale(Lora lora, String layer, int rank) {
        double alpha = lora.variant().alphas().getOrDefault(layer, lora.alpha());
        assertThat(rank).isEqualTo(lora.variant().ranks().getOrDefault(layer, lora.rank()));
        return alpha / (lora.variant().rsLora() ? Math.sqrt(rank) : rank);
    }

    /** weight [in, out] += scale · (B A)ᵀ. */
    private static void addProduct(float[] weight, int out, int from, double scale, float[] a, float[] b, int in) {
        int rank = a.length / in;
        for (int i = 0; i < in; i++) {
            for (int o = 0; o < b.length / rank; o++) {
                double sum = 0;
                for (int r = 0; r < rank; r++) {
                    sum += (double) b[o * rank + r] * a[r * in + i];
                }
                weight[i * out + from + o] += (float) (scale * sum);
            }
        }
    }

    private static void turn(float[] weight, int out, float[] magnitude) {
        if (magnitude != null) {
            var norms = norms(weight, out);
            for (int i = 0; i < weight.length; i++) {
                weight[i] *= magnitude[i % out] / norms[i % out];
            }
        }
    }

    private static float[] times(float factor, float[] values) {
        var product = values.clone();
        for (int i = 0; i < product.length; i++) {
            product[i] *= factor;
        }
        return product;
    }

    private static Bottleneck withScaling(Bottleneck method, float scaling) {
        return switch (method) {
            case SeriesAdapter(var size, var activation, _, var places, var biases, var init) -> new SeriesAdapter(size,
                    activation, scaling, places, biases, init);
            case ParallelAdapter(var size, var activation, _, var places, var biases, var init) -> new ParallelAdapter(
                    size, activation, scaling, places, biases, init);
        };
    }

    // ---- number and seed -----------------------------------------------------------------------------------------------

    static void countedAndRepeatable(Trial trial) {
        var subject = trial.fresh();
        assertThat(subject.adapter().size()).isEqualTo(trial.method.trainable(subject.decoder().shape()));
        requireSame(subject.values(), trial.fresh().values());
        var names = Map.copyOf(subject.adapter().parameters()).keySet();
        assertThat(names).isNotEmpty().allSatisfy(
                name -> assertThat(subject.adapter().parameters().get(name).requiresGrad()).as(name).isTrue());
    }
}
