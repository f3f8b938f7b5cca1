package lorikeet.model;

/**
 * Shares of numbers that training sets to zero inside the base.
 *
 * @param embedding on the embedded tokens (embd_pdrop)
 * @param attention on attention weights (attn_pdrop)
 * @param residual  on the output of each sublayer (resid_pdrop)
 */
public record Dropouts(float embedding, float attention, float residual) {
    public static final Dropouts NONE = new Dropouts(0, 0, 0);
}
