package lorikeet.model;

import lorikeet.kernels.RandomKey;

/**
 * How one forward pass is made.
 *
 * @param training  whether dropout applies
 * @param key       random stream of this pass; unused where nothing is random
 * @param recompute whether blocks forget their inner values and compute them again in backward
 * @param offsets   where the rows of each sequence begin, and after the last where they end; the decoder fills it in
 */
public record Pass(boolean training, RandomKey key, boolean recompute, int[] offsets) {

    /** For evaluation and generation: nothing random. */
    public static final Pass EVALUATION = new Pass(false, new RandomKey(0, 0), false);

    public Pass(boolean training, RandomKey key, boolean recompute) {
        this(training, key, recompute, null);
    }

    /** The same pass, once it is known where the sequences lie. */
    Pass over(int[] rows) {
        return new Pass(training, key, recompute, rows);
    }

    /** {@code p} in training, else 0. */
    public float dropout(float p) {
        return training ? p : 0;
    }
}
