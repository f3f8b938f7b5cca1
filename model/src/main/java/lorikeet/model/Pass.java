package lorikeet.model;

import lorikeet.kernels.RandomKey;

/**
 * How one forward pass is made.
 *
 * @param training whether dropout applies
 * @param key      random stream of this pass; unused where nothing is random
 * @param recompute whether blocks forget their inner values and compute them again in backward
 */
public record Pass(boolean training, RandomKey key, boolean recompute) {

    /** For evaluation and generation: nothing random. */
    public static final Pass EVALUATION = new Pass(false, new RandomKey(0, 0), false);

    /** {@code p} in training, else 0. */
    public float dropout(float p) {
        return training ? p : 0;
    }
}
