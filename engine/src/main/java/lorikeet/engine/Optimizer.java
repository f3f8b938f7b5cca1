package lorikeet.engine;

/** Changes parameters against their gradients. Its own memory exists for these parameters and for nothing else. */
public interface Optimizer extends AutoCloseable {

    /**
     * What one step found, read from the device in a single transfer.
     *
     * @param loss     the loss given to {@link #step}
     * @param norm     Euclidean norm of all gradients together, before clipping
     * @param finite   whether both are finite; if not, nothing was changed
     */
    record Outcome(float loss, float norm, boolean finite) {}

    /**
     * One step with the gradients accumulated since the last, which are forgotten afterwards. Parameters that backward has
     * not reached stay as they are.
     *
     * @param loss    a single number, for the {@link Outcome}
     * @param rate    learning rate of this step
     * @param maxNorm gradients are scaled down to this common norm if theirs is larger; 0 = never
     */
    Outcome step(Tensor loss, float rate, float maxNorm);

    /** Forgets the gradients accumulated since the last step, for a step that cannot be taken. */
    void forgetGradients();

    /** Steps taken so far, those not counted in which something was not finite. */
    int steps();

    /** Frees the optimizer's own memory. */
    @Override
    void close();
}
