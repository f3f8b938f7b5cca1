package lorikeet.kernels;

/**
 * One step of AdamW (Loshchilov and Hutter 2019), with t = {@code step} from 1:
 *
 * <pre>
 * p ← p − rate · decay · p
 * m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²
 * p ← p − rate · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)
 * </pre>
 */
public record AdamW(float rate, float beta1, float beta2, float epsilon, int step) {

    /** One tensor to be updated; all four buffers have the same size. {@code rateFactor} multiplies the rate (LoRA+). */
    public record Parameter(Buffer value, Buffer gradient, Buffer mean, Buffer variance, float decay,
            float rateFactor) {}
}
