package lorikeet.peft;

import java.util.Set;
import lorikeet.engine.Tensor;
import lorikeet.kernels.Unary;

/**
 * Parallel adapters (He et al. 2021, Hu et al. 2023): a new layer beside a sublayer, which reads what the sublayer reads, the
 * normalised stream.
 *
 * <pre>h ← h + scaling · (f(x W_downᵀ + b₁) W_upᵀ + b₂)      W_down: [bottleneck, width], W_up: [width, bottleneck]</pre>
 *
 * He et al. put one beside the MLP with a scaling of 4, ReLU and W_up zero at first; Hu et al. likewise, with tanh, a
 * scaling of 1 and no biases.
 */
public record ParallelAdapter(int bottleneck, Unary activation, float scaling, Set<Bottleneck.Place> places,
        boolean biases,
        Bottleneck.Init init) implements Bottleneck {

    public ParallelAdapter {
        Bottleneck.require("parallel", bottleneck, scaling, places);
        places = Set.copyOf(places);
    }

    @Override
    public String name() {
        return "parallel";
    }

    @Override
    public Tensor reads(Tensor output, Tensor input) {
        return input;
    }
}
