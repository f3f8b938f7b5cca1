package lorikeet.engine;

import java.util.List;
import java.util.function.Function;

/** Trading time for memory: a part of the graph that forgets its inner values and computes them again in backward. */
final class Recomputation {
    private Recomputation() {}

    static Tensor run(List<Tensor> inputs, Function<List<Tensor>, Tensor> body) {
        var device = inputs.getFirst().device();
        var plain = Autograd.scope(device, () -> body.apply(leaves(inputs)));
        if (!plain.requiresGrad()) {
            return plain;
        }
        Backward.forget(plain);
        // Parameters inside the body receive their gradients from the inner backward, so the inputs alone are named here.
        return Tensor.over(plain.data(), plain.shape()).deriveAlways(new Gradient(inputs, inputs, dy -> {
            var again = leaves(inputs);
            try (var _ = device.memory().scope()) {
                var result = body.apply(again);
                result.accumulate(dy);
                Backward.propagate(result);
                for (int i = 0; i < inputs.size(); i++) {
                    if (again.get(i).gradient() != null) {
                        inputs.get(i).accumulate(again.get(i).gradient());
                    }
                }
            } finally {
                again.forEach(Tensor::freeGradient);
            }
        }));
    }

    /** The same numbers cut off from what made them. */
    private static List<Tensor> leaves(List<Tensor> tensors) {
        return tensors.stream().map(tensor -> {
            var leaf = Tensor.over(tensor.data(), tensor.shape());
            return tensor.requiresGrad() ? leaf.train() : leaf;
        }).toList();
    }
}
