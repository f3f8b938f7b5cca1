package lorikeet.engine;

import lorikeet.kernels.Buffer;

/**
 * One rule of an operation's backward: how the gradient of one input (or of several, computed together) follows from the
 * gradient of the output. An operation {@link Tensor#derive lists} one for each input. Rules of inputs that require no
 * gradient are dropped on the spot, and what they would have saved is not saved: that is why a frozen layer costs nothing.
 *
 * @param inputs where the gradients go
 * @param saved  the tensors whose values {@code rule} reads; they stay in memory until it has run
 * @param rule   reads dy and calls {@link Tensor#accumulate} on those inputs that require a gradient
 */
record Gradient(Tensor[] inputs, Tensor[] saved, Rule rule) {
    private static final Tensor[] NONE = {};

    interface Rule {
        void run(Buffer dy);
    }

    interface SingleRule {
        /** Writes the gradient of the input to {@code dx}, or adds it to what is there if {@code add}. */
        void run(Buffer dx, Buffer dy, boolean add);
    }

    /** The rule for a single input. */
    static Gradient of(Tensor x, SingleRule rule, Tensor... saved) {
        return new Gradient(new Tensor[] {x}, saved, dy -> x.accumulate((dx, add) -> rule.run(dx, dy, add)));
    }

    /** The input's gradient is the output's, unchanged: no work, shared memory. */
    static Gradient same(Tensor x) {
        return new Gradient(new Tensor[] {x}, NONE, x::accumulate);
    }

    boolean needed() {
        for (var input : inputs) {
            if (input.requiresGrad()) {
                return true;
            }
        }
        return false;
    }
}
