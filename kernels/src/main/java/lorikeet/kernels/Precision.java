package lorikeet.kernels;

/** How exactly matrix products are computed, and how frozen weights are stored. */
public enum Precision {
    /** 32-bit floats throughout; the same results on every device, up to rounding. */
    STRICT,
    /**
     * 32-bit storage; products may round their operands: to TF32 on CUDA, also inside attention, to bf16 inside oneDNN where the
     * CPU has it.
     */
    FAST,
    /**
     * Frozen weights stored in bf16, activations rounded to bf16 for products with them; sums and all else in 32 bits, but for
     * other products on CUDA, which are as in FAST.
     */
    BF16
}
