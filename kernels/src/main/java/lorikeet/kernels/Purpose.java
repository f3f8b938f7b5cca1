package lorikeet.kernels;

import java.util.Locale;

/** What device memory is for. Every allocation is booked in the {@link Ledger} under exactly one purpose. */
public enum Purpose {
    /** Parameters, frozen or trained. */
    WEIGHTS,
    /** Gradients of trainable parameters. */
    GRADIENTS,
    /** What the optimizer remembers between steps, such as Adam's two running averages. */
    OPTIMIZER,
    /** Everything born and gone within one step: layer outputs, values saved for backward, their gradients. */
    ACTIVATIONS,
    /** Scratch space of a single operation, and of the libraries underneath. */
    WORKSPACE;

    /** As people and files read it: "weights". */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Whether memory of this purpose ends with the innermost open {@link Memory.Scope}. */
    public boolean scoped() {
        return this == ACTIVATIONS || this == WORKSPACE;
    }
}
