package lorikeet.peft;

/** An adapter whose effect can be written into the base's weights, so that it costs nothing any more. */
public interface Mergeable extends Adapter {

    /**
     * Adds the adapter's effect to the base's weights and takes the adapter out of the way. Merging twice changes nothing.
     *
     * @throws ArithmeticException if the adapter holds a NaN or an infinity; the base stays as it is
     */
    void merge();

    /** Puts the base's weights back, bit for bit, and the adapter beside them again. */
    void unmerge();

    boolean merged();
}
