package lorikeet.peft;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import lorikeet.engine.Initialisation;
import lorikeet.engine.MatMul;
import lorikeet.engine.Shape;
import lorikeet.engine.Tensor;
import lorikeet.kernels.Device;
import lorikeet.kernels.RandomKey;
import lorikeet.kernels.Unary;
import lorikeet.model.Pass;

/**
 * A long short-term memory (Hochreiter and Schmidhuber 1997) that reads a sequence in both directions, several layers deep.
 * Gates lie in PyTorch's order: input, forget, candidate, output.
 *
 * <pre>[i f g o] = x Wᵢₕᵀ + bᵢₕ + h Wₕₕᵀ + bₕₕ
 *         c = σ(f) · c + σ(i) · tanh(g)
 *         h = σ(o) · tanh(c)</pre>
 */
final class Lstm {
    /** Random sites of the base and of branches beside it end below this; layer n's is n after it. */
    private static final int DROPOUT_SITES = 1 << 17;

    private final int hidden;
    private final List<Layer> layers = new ArrayList<>();

    /** Reads the sequence from either end and puts both results side by side. */
    private record Layer(Direction forward, Direction backward) {}

    /**
     * @param fromInput  Wᵢₕ [4 hidden, in]
     * @param fromHidden Wₕₕ [4 hidden, hidden]
     * @param inputBias  bᵢₕ [4 hidden]
     * @param hiddenBias bₕₕ [4 hidden]
     */
    private record Direction(String suffix, Tensor fromInput, Tensor fromHidden, Tensor inputBias, Tensor hiddenBias) {
        void addTo(Map<String, Tensor> parameters) {
            parameters.put(name("weight_ih", suffix), fromInput);
            parameters.put(name("weight_hh", suffix), fromHidden);
            parameters.put(name("bias_ih", suffix), inputBias);
            parameters.put(name("bias_hh", suffix), hiddenBias);
        }
    }

    /**
     * @param in     numbers per element of the sequence
     * @param hidden numbers per element and direction of what comes out
     */
    Lstm(Device device, int in, int hidden, int layers, long seed) {
        this.hidden = hidden;
        for (int n = 0; n < layers; n++) {
            int width = n == 0 ? in : 2 * hidden;
            this.layers.add(new Layer(direction(device, "_l" + n, width, seed),
                    direction(device, "_l" + n + "_reverse", width, seed)));
        }
    }

    private Direction direction(Device device, String suffix, int in, long seed) {
        return new Direction(suffix, uniform(device, name("weight_ih", suffix), seed, 4 * hidden, in),
                uniform(device, name("weight_hh", suffix), seed, 4 * hidden, hidden),
                uniform(device, name("bias_ih", suffix), seed, 4 * hidden),
                uniform(device, name("bias_hh", suffix), seed, 4 * hidden));
    }

    private static String name(String what, String suffix) {
        return "prompt_encoder.lstm_head." + what + suffix;
    }

    /** Uniform in ±1/√hidden, as PyTorch has it. */
    private Tensor uniform(Device device, String name, long seed, int... dims) {
        return Initialisation.uniform(device, Shape.of(dims), 1 / Math.sqrt(hidden), RandomKey.named(seed, name));
    }

    /** Number of parameters. */
    static long size(long in, long hidden, int layers) {
        long perDirection = 4 * hidden * (in + hidden + 2);
        return 2 * perDirection + (layers == 1 ? 0 : size(2 * hidden, hidden, layers - 1));
    }

    void addTo(Map<String, Tensor> parameters) {
        for (var layer : layers) {
            layer.forward.addTo(parameters);
            layer.backward.addTo(parameters);
        }
    }

    /**
     * @param x       [length, in]
     * @param dropout between layers, in training
     * @return [length, 2 hidden]
     */
    Tensor forward(Tensor x, float dropout, Pass pass) {
        for (int n = 0; n < layers.size(); n++) {
            var read = n == 0 ? x : x.dropout(pass.dropout(dropout), pass.key().at(DROPOUT_SITES + n));
            var layer = layers.get(n);
            x = Tensor.concat(1, List.of(read(layer.forward, read, false), read(layer.backward, read, true)));
        }
        return x;
    }

    /** One direction of one layer, [length, in] to [length, hidden]. */
    private Tensor read(Direction weights, Tensor x, boolean fromEnd) {
        int length = x.shape().rows();
        var fromInput = MatMul.linear(x, weights.fromInput, true, weights.inputBias).plusRow(weights.hiddenBias);
        var outputs = new Tensor[length];
        Tensor h = null; // nothing has been read yet: h and c are zero
        Tensor c = null;
        for (int step = 0; step < length; step++) {
            int t = fromEnd ? length - 1 - step : step;
            var gates = fromInput.slice(0, t, 1); // [1, 4 hidden]
            if (h != null) {
                gates = MatMul.addProduct(gates, 0, h, weights.fromHidden, 1);
            }
            var in = gate(gates, 0, Unary.SIGMOID);
            var candidate = gate(gates, 2, Unary.TANH);
            var out = gate(gates, 3, Unary.SIGMOID);
            var fresh = in.times(candidate);
            c = c == null ? fresh : gate(gates, 1, Unary.SIGMOID).times(c).plus(fresh);
            h = out.times(c.map(Unary.TANH));
            outputs[t] = h;
        }
        return Tensor.concat(0, Arrays.asList(outputs));
    }

    private Tensor gate(Tensor gates, int number, Unary f) {
        return gates.slice(1, number * hidden, hidden).map(f);
    }
}
