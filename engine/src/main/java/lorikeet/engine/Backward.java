package lorikeet.engine;

import java.util.ArrayList;
import java.util.List;

/** Reverse-mode differentiation: visits the operations behind a result, last first. */
final class Backward {
    private Backward() {}

    /** Adds the gradient of {@code result}, a single number, to every leaf behind it that requires one. */
    static void run(Tensor result) {
        if (result.shape().size() != 1) {
            throw new IllegalArgumentException(
                    "backward starts from a single number, not from shape " + result.shape());
        }
        if (result.node() == null) {
            throw new IllegalStateException("nothing to differentiate: no input requires a gradient");
        }
        result.accumulate((dx, _) -> dx.device().fill(dx, 1));
        propagate(result);
    }

    /** Passes the gradient that {@code result} already has on to everything behind it. */
    static void propagate(Tensor result) {
        var order = new ArrayList<Tensor>();
        sort(result, order);
        for (var tensor : order.reversed()) {
            tensor.runBackward();
        }
    }

    /** Lets go of everything that backward from {@code result} would need. */
    static void forget(Tensor result) {
        var order = new ArrayList<Tensor>();
        sort(result, order);
        order.forEach(Tensor::discard);
    }

    /** Appends {@code tensor} after everything that it was computed from. */
    private static void sort(Tensor tensor, List<Tensor> order) {
        var node = tensor.node();
        if (node == null || node.visited) {
            return;
        }
        node.visited = true;
        for (var gradient : node.gradients()) {
            for (var input : gradient.inputs()) {
                sort(input, order);
            }
        }
        order.add(tensor);
    }
}
