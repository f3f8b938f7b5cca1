package lorikeet.kernels;

/**
 * The shape of causal multi-head attention.
 *
 * @param heads    query heads; head {@code h} reads columns {@code h · headSize …} of the queries
 * @param kvHeads  key–value heads; query head {@code h} uses key–value head {@code h · kvHeads / heads}
 * @param headSize numbers per head
 * @param scale    factor on each score before the softmax, usually 1/√headSize
 * @param dropout  share of attention weights set to zero in training (the rest grows by 1/(1 − dropout)); 0 = none
 * @param key      random stream of the dropout; weight (query row r, head h, key j of that row, counted from the start of
 *                 its prefix) is element ((r · heads + h) · (longestPrefix + longest) + j); unused if dropout is 0
 */
public record AttentionShape(int heads, int kvHeads, int headSize, float scale, float dropout, RandomKey key) {

    public AttentionShape {
        if (heads < 1 || kvHeads < 1 || heads % kvHeads != 0 || headSize < 1) {
            throw new IllegalArgumentException("attention with " + heads + " heads, " + kvHeads
                    + " key-value heads of size " + headSize);
        }
    }

    /** Without dropout. */
    public AttentionShape(int heads, int kvHeads, int headSize, float scale) {
        this(heads, kvHeads, headSize, scale, 0, new RandomKey(0, 0));
    }
}
