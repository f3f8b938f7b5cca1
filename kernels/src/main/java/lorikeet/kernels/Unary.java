package lorikeet.kernels;

/** Element-wise functions of one variable that every device knows, with their derivative. */
public enum Unary {
    /** 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))): GPT-2's approximation, "gelu_new" in Hugging Face's configs. */
    GELU_TANH,
    /** x Φ(x) with the normal distribution function Φ, through erf: "gelu". */
    GELU_ERF,
    /** max(x, 0). */
    RELU,
    /** x σ(x), also called swish. */
    SILU,
    TANH,
    /** σ(x) = 1 / (1 + e⁻ˣ). */
    SIGMOID,
    /** √x. */
    SQRT
}
