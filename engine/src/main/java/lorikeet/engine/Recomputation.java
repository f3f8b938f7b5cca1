package lorikeet.engine;

import java.util.List;
import java.util.function.UnaryOperator;

/** Trading time for memory: a part of the graph that forgets its inner values and computes them again in backward. */
final class Recomputation {
    private Recomputation() {}

    static Tensor run(Tensor x, UnaryOperator<Tensor> body) {
        var device = x.device();
        var plain = Autograd.scope(device, () -> body.apply(leaf(x)));
        if (!plain.requiresGrad()) {
            return plain;
        }
        Backward.forget(plain);
        // Parameters inside the body receive their gradients from the inner backward, so x alone stands for the inputs.
        return Tensor.over(plain.data(), plain.shape()).deriveAlways(new Gradient(List.of(x), List.of(x), dy -> {
            try (var _ = device.memory().scope()) {
                var input = leaf(x);
                var result = body.apply(input);
                result.accumulate(dy);
                Backward.propagate(result);
                if (input.gradient() != null) {
                    x.accumulate(input.gradient());
                }
                input.freeze();
            }
        }));
    }

    /** The same numbers cut off from what made them. */
    private static Tensor leaf(Tensor x) {
        var leaf = Tensor.over(x.data(), x.shape());
        return x.requiresGrad() ? leaf.train() : leaf;
    }
}
