package lorikeet.peft;

import java.util.Set;
import lorikeet.engine.Tensor;
import lorikeet.kernels.Unary;
import lorikeet.model.Decoder;
import lorikeet.model.ModelShape;

/**
 * The methods as new layers: small networks with a bottleneck at the sublayers of every block, before what comes out is
 * added to the residual stream.
 */
public sealed interface Bottleneck extends Method permits SeriesAdapter, ParallelAdapter {

    /** The sublayers that a block has. */
    enum Place {
        ATTENTION,
        MLP
    }

    /** First values; biases start at zero. */
    enum Init {
        /** Both matrices from N(0, 0.01), so that the adapter does next to nothing at first. */
        NEAR_IDENTITY,
        /** The matrix up is zero, so that it does nothing, and the matrix down uniform in ±1/√width. */
        IDENTITY
    }

    /** Numbers in the middle, far fewer than at the ends. */
    int bottleneck();

    /** Between the two matrices. */
    Unary activation();

    /** A factor on what is added. */
    float scaling();

    /** Where there is an adapter in each block. */
    Set<Place> places();

    /** Whether both linear layers have biases. */
    boolean biases();

    Init init();

    /**
     * What an adapter reads, both [tokens, width].
     *
     * @param output what the sublayer has made
     * @param input  what the sublayer was given
     */
    Tensor reads(Tensor output, Tensor input);

    @Override
    default long trainable(ModelShape shape) {
        long width = shape.width();
        long each = 2 * width * bottleneck() + (biases() ? bottleneck() + width : 0);
        return shape.layers() * places().size() * each;
    }

    @Override
    default BottleneckAdapters attach(Decoder decoder, long seed) {
        return decoder.device().memory().allOrNothing(() -> new BottleneckAdapters(this, decoder, seed));
    }

    /** @throws IllegalArgumentException if the options make no adapter */
    static void require(String method, int bottleneck, float scaling, Set<Place> places) {
        if (bottleneck < 1 || !Float.isFinite(scaling) || places.isEmpty()) {
            throw new IllegalArgumentException(method + ": bottleneck " + bottleneck + ", scaling " + scaling
                    + ", at " + places + "; expected at least 1, a finite number and at least one place");
        }
    }
}
