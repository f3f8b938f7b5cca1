package lorikeet.peft;

import lorikeet.engine.Shape;
import lorikeet.engine.Tensor;
import lorikeet.model.Decoder;
import lorikeet.model.ModelShape;

/**
 * The methods in the sequence: virtual tokens in front of the real ones, whose vectors are learned while everything else is
 * frozen.
 */
public sealed interface PromptLearning extends Method permits PromptTuning, PrefixTuning, PTuning {

    @Override
    int virtualTokens();

    /** Numbers per virtual token in a decoder of this shape. */
    int columns(ModelShape shape);

    /** Whether a network makes the vectors while they are trained. */
    boolean reparametrised();

    /** What makes the vectors, with its first values. */
    PromptEncoder encoder(Decoder decoder, long seed);

    @Override
    default VirtualTokens attach(Decoder decoder, long seed) {
        requireRoom(decoder);
        return decoder.device().memory().allOrNothing(() -> new VirtualTokens(this, decoder, encoder(decoder, seed)));
    }

    /**
     * Attaches vectors trained elsewhere. Without the network that made them, they themselves are what is trained on.
     *
     * @param vectors [virtual tokens, columns]
     */
    default VirtualTokens attach(Decoder decoder, float[] vectors) {
        requireRoom(decoder);
        var shape = Shape.of(virtualTokens(), columns(decoder.shape()));
        return decoder.device().memory().allOrNothing(() -> new VirtualTokens(this, decoder,
                new PromptEncoder.Table(Tensor.parameter(decoder.device(), shape, vectors))));
    }

    private void requireRoom(Decoder decoder) {
        int context = decoder.shape().context();
        if (virtualTokens() >= context) {
            throw new IllegalArgumentException(name() + ": " + virtualTokens()
                    + " virtual tokens leave no room for others in the model's context of " + context);
        }
        requireNoneInFront(decoder);
    }

    /** @throws IllegalArgumentException if virtual tokens of the same kind stand in front of the decoder's sequences */
    default void requireNoneInFront(Decoder decoder) {
        int inFront = this instanceof PrefixTuning
                ? decoder.virtualTokens() - decoder.promptLength()
                : decoder.promptLength();
        if (inFront > 0) {
            throw new IllegalArgumentException(
                    name() + ": other virtual tokens are there already; take them out first");
        }
    }

    /** @throws IllegalArgumentException if there would be no virtual token */
    static void requireSome(int virtualTokens) {
        if (virtualTokens < 1) {
            throw new IllegalArgumentException("virtual tokens: at least 1, not " + virtualTokens);
        }
    }
}
