package lorikeet.model;

import java.util.ArrayList;
import java.util.List;
import lorikeet.engine.Embedding;
import lorikeet.engine.Tensor;

/** The token embedding, a linear layer of tokens told by number, with a socket like that of {@link Linear}. */
public final class TokenEmbedding {
    public static final String NAME = "wte";

    private final Tensor weight;
    private final List<Branch> branches = new ArrayList<>();

    /** What can be plugged in beside the token embedding. */
    public interface Branch {
        /**
         * The embedded tokens with this branch's share. {@code h} belongs to the branch, which may write over it.
         *
         * @param h   [tokens, width], as embedded so far
         * @param ids the tokens
         */
        Tensor output(Tensor h, int[] ids, Pass pass);
    }

    /** @param weight [vocabulary, width] */
    TokenEmbedding(Tensor weight) {
        this.weight = weight;
    }

    /** [vocabulary, width]. */
    public Tensor weight() {
        return weight;
    }

    public void plug(Branch branch) {
        branches.add(branch);
    }

    public void unplug(Branch branch) {
        branches.remove(branch);
    }

    /** What is plugged in now, in the order in which it works. */
    public List<Branch> plugged() {
        return List.copyOf(branches);
    }

    Tensor forward(int[] ids, Pass pass) {
        var h = Embedding.lookup(weight, ids);
        for (var branch : branches) {
            h = branch.output(h, ids, pass);
        }
        return h;
    }
}
