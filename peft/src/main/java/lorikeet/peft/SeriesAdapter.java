package lorikeet.peft;

import java.util.Set;
import lorikeet.engine.Tensor;
import lorikeet.kernels.Unary;

/**
 * Series adapters (Houlsby et al. 2019): a new layer behind each sublayer, which reads what the sublayer has made.
 *
 * <pre>h ← h + scaling · (f(h W_downᵀ + b₁) W_upᵀ + b₂)      W_down: [bottleneck, width], W_up: [width, bottleneck]</pre>
 *
 * Houlsby et al. put one behind attention and one behind the MLP, with biases, near identity at first, and train the layer
 * norms too, which is left to those who want it. Hu et al. (2023) find one behind the MLP best, with tanh and no biases.
 */
public record SeriesAdapter(int bottleneck, Unary activation, float scaling, Set<Bottleneck.Place> places,
        boolean biases,
        Bottleneck.Init init) implements Bottleneck {

    public SeriesAdapter {
        Bottleneck.require("series", bottleneck, scaling, places);
        places = Set.copyOf(places);
    }

    @Override
    public String name() {
        return "series";
    }

    @Override
    public Tensor reads(Tensor output, Tensor input) {
        return output;
    }
}
