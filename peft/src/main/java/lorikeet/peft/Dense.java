package lorikeet.peft;

import java.util.Map;
import lorikeet.engine.Initialisation;
import lorikeet.engine.MatMul;
import lorikeet.engine.Shape;
import lorikeet.engine.Tensor;
import lorikeet.kernels.Device;
import lorikeet.kernels.RandomKey;

/**
 * A linear layer of a method's own, y = x Wᵀ + b, laid out as in PyTorch.
 *
 * @param name   in front of ".weight" and ".bias"
 * @param weight [out, in]
 * @param bias   [out], or null
 */
record Dense(String name, Tensor weight, Tensor bias) {

    /** Weight and bias uniform in ±1/√in, as PyTorch has it. */
    static Dense uniform(Device device, String name, int in, int out, long seed) {
        double bound = 1 / Math.sqrt(in);
        return new Dense(name,
                Initialisation.uniform(device, Shape.of(out, in), bound, RandomKey.named(seed, name + ".weight")),
                Initialisation.uniform(device, Shape.of(out), bound, RandomKey.named(seed, name + ".bias")));
    }

    /** Number of parameters. */
    static long size(long in, long out) {
        return in * out + out;
    }

    /**
     * @param x [rows, in]
     * @return [rows, out]
     */
    Tensor forward(Tensor x) {
        return MatMul.linear(x, weight, true, bias);
    }

    void addTo(Map<String, Tensor> parameters) {
        parameters.put(name + ".weight", weight);
        if (bias != null) {
            parameters.put(name + ".bias", bias);
        }
    }
}
