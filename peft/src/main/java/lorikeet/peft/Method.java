package lorikeet.peft;

import lorikeet.model.Decoder;

/** A way to fine-tune a decoder, with its options: which parameters are trained, and where new ones go. */
public interface Method {

    /** As on the command line: {@code lora}, {@code bitfit}, …. */
    String name();

    /**
     * Freezes the base and puts this method's parameters in place, with their first values.
     *
     * @param seed of the first values; a parameter's depend on the seed and its name alone
     * @throws IllegalArgumentException if the method does not fit the model; nothing has changed then
     */
    Adapter attach(Decoder decoder, long seed);
}
