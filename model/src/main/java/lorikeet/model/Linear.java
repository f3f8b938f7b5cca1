package lorikeet.model;

import java.util.ArrayList;
import java.util.List;
import lorikeet.engine.MatMul;
import lorikeet.engine.Tensor;
import lorikeet.kernels.Unary;

/** A linear layer h = x W + b with a socket: branches beside it, as LoRA has them. */
public final class Linear {
    private final String name;
    private final Tensor weight;
    private final Tensor bias;
    private final List<Branch> branches = new ArrayList<>();

    /** What can be plugged in beside a linear layer. */
    public interface Branch {
        /** What the layer gets to see instead of {@code x}. */
        default Tensor input(Tensor x, Pass pass) {
            return x;
        }

        /**
         * The layer's output with this branch's share. {@code h} belongs to the branch, which may write over it.
         *
         * @param h [tokens, out], the output so far; without the bias only if all that is plugged in {@link #onlyAdds}
         * @param x [tokens, in]
         */
        Tensor output(Tensor h, Tensor x, Pass pass);

        /** Whether {@link #output} adds to h and does not look at it, so that it may come before the bias. */
        default boolean onlyAdds() {
            return false;
        }
    }

    /**
     * @param name   the parameter's name without ".weight" or ".bias", such as {@code h.0.attn.c_attn}
     * @param weight [in, out], as GPT-2 stores it
     * @param bias   [out]
     */
    Linear(String name, Tensor weight, Tensor bias) {
        this.name = name;
        this.weight = weight;
        this.bias = bias;
    }

    public String name() {
        return name;
    }

    /** [in, out]. */
    public Tensor weight() {
        return weight;
    }

    /** [out]. */
    public Tensor bias() {
        return bias;
    }

    public int in() {
        return weight.shape().dim(0);
    }

    public int out() {
        return weight.shape().dim(1);
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

    Tensor forward(Tensor x, Pass pass) {
        return forward(x, bias, pass);
    }

    /** f of the output, in one operation with the bias if no branch minds. */
    Tensor forward(Tensor x, Pass pass, Unary f) {
        return branches.stream().allMatch(Branch::onlyAdds)
                ? forward(x, (Tensor) null, pass).map(f, bias)
                : forward(x, bias, pass).map(f);
    }

    private Tensor forward(Tensor x, Tensor firstBias, Pass pass) {
        for (var branch : branches) {
            x = branch.input(x, pass);
        }
        var h = MatMul.linear(x, weight, false, firstBias);
        for (var branch : branches) {
            h = branch.output(h, x, pass);
        }
        return h;
    }
}
