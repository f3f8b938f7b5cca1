package lorikeet.engine;

import java.util.ArrayList;
import java.util.List;
import lorikeet.kernels.Buffer;

/** What a tensor remembers of the operation that made it: the rules to run in backward and the values they read. */
final class Node {
    private final Gradient[] gradients;
    private final List<Buffer> saved = new ArrayList<>();
    private boolean consumed;
    /** Set while {@link Backward} sorts the graph. */
    boolean visited;

    Node(Gradient[] gradients) {
        this.gradients = gradients;
        for (var gradient : gradients) {
            for (var tensor : gradient.saved()) {
                tensor.keep(saved);
                Recomputation.saved(tensor);
            }
        }
    }

    Gradient[] gradients() {
        return gradients;
    }

    /** Runs all rules, then lets go of what they read. */
    void run(Buffer dy) {
        if (consumed) {
            throw new IllegalStateException("backward through the same operation twice: its saved values are gone");
        }
        for (var gradient : gradients) {
            try (var _ = dy.device().memory().scope()) {
                for (var tensor : gradient.saved()) {
                    tensor.restore();
                }
                gradient.rule().run(dy);
            }
            AnomalySearch.gradients(gradient);
        }
        discard();
    }

    /** Lets go of the saved values without running; harmless after {@link #run}. */
    void discard() {
        if (!consumed) {
            consumed = true;
            saved.forEach(Buffer::release);
            saved.clear();
        }
    }
}
