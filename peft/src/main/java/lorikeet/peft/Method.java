package lorikeet.peft;

import lorikeet.model.Decoder;
import lorikeet.model.ModelShape;

/** A way to fine-tune a decoder, with its options: which parameters are trained, and where new ones go. */
public interface Method {

    /** As on the command line: {@code lora}, {@code bitfit}, …. */
    String name();

    /**
     * How many numbers it trains in a model of this shape, by formula: nothing is made.
     *
     * @throws IllegalArgumentException if the method does not fit the shape
     */
    long trainable(ModelShape shape);

    /** Of these, the base's own. */
    default long trainableOfBase(ModelShape shape) {
        return 0;
    }

    /** How many virtual tokens it puts in front of every sequence, where they take up context. */
    default int virtualTokens() {
        return 0;
    }

    /** The method that takes as much in {@link ModelShape#asGpt2} as this one in {@code shape}, or nearly. */
    default Method asGpt2(ModelShape shape) {
        return this;
    }

    /** What multiplies the learning rate for the parameter called {@code parameter}. */
    default float rateFactor(String parameter) {
        return 1;
    }

    /**
     * Freezes the base and puts this method's parameters in place, with their first values.
     *
     * @param seed of the first values; a parameter's depend on the seed and its name alone
     * @throws IllegalArgumentException if the method does not fit the model; nothing has changed then
     */
    Adapter attach(Decoder decoder, long seed);
}
