package lorikeet.engine;

import java.util.List;
import java.util.function.Function;

/**
 * Trading time for memory: a part of the graph that forgets its inner values and computes them again in backward. The second
 * time it stops at the last value that backward reads: the first time has shown which one that is.
 */
final class Recomputation {
    private static final ScopedValue<Recomputation> CURRENT = ScopedValue.newInstance();

    /** Tensors that this run of the body has made so far. */
    private int made;
    /** The number of the last tensor whose value was saved for backward in the first run. */
    private int lastSaved;
    private boolean again;

    private Recomputation() {}

    /** A tensor's number among all that the body makes, from 1; 0 outside of any. */
    static int nextNumber() {
        return CURRENT.isBound() ? ++CURRENT.get().made : 0;
    }

    /** Takes down that backward will read this tensor's value. */
    static void saved(Tensor tensor) {
        if (CURRENT.isBound()) {
            var current = CURRENT.get();
            current.lastSaved = Math.max(current.lastSaved, tensor.number());
        }
    }

    /** Whether the value of {@code result}, which an operation is about to compute, makes a difference to anything. */
    static boolean needs(Tensor result) {
        return !CURRENT.isBound() || !CURRENT.get().again || result.number() <= CURRENT.get().lastSaved
                || AnomalySearch.isOn();
    }

    static Tensor run(List<Tensor> inputs, Function<List<Tensor>, Tensor> body) {
        var device = inputs.getFirst().device();
        var recomputation = new Recomputation();
        var plain = Autograd.scope(device, () -> recomputation.compute(body, leaves(inputs)));
        if (!plain.requiresGrad()) {
            return plain;
        }
        Backward.forget(plain);
        // Parameters inside the body receive their gradients from the inner backward, so the inputs alone are named here.
        var saved = inputs.toArray(Tensor[]::new);
        return Tensor.over(plain.data(), plain.shape()).deriveAlways(new Gradient(saved, saved, dy -> {
            var again = leaves(inputs);
            try (var _ = device.memory().scope()) {
                recomputation.again = true;
                var result = recomputation.compute(body, again);
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

    private Tensor compute(Function<List<Tensor>, Tensor> body, List<Tensor> inputs) {
        made = 0;
        return ScopedValue.where(CURRENT, this).call(() -> body.apply(inputs));
    }

    /** The same numbers cut off from what made them. */
    private static List<Tensor> leaves(List<Tensor> tensors) {
        return tensors.stream().map(tensor -> {
            var leaf = Tensor.over(tensor.data(), tensor.shape());
            return tensor.requiresGrad() ? leaf.train() : leaf;
        }).toList();
    }
}
