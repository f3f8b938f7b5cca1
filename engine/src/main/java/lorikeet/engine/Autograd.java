package lorikeet.engine;

import java.util.function.Supplier;
import lorikeet.kernels.Device;

/** Whether operations record how to compute gradients, and for how long their results live. */
public final class Autograd {
    private static final ScopedValue<Boolean> RECORDING = ScopedValue.newInstance();

    private Autograd() {}

    /** Runs {@code body} without recording anything: for evaluation and generation. */
    public static <T> T off(Supplier<T> body) {
        return ScopedValue.where(RECORDING, false).call(body::get);
    }

    static boolean recording() {
        return RECORDING.orElse(true);
    }

    /**
     * Runs {@code body} in a memory scope of its own: of all that is born in it, only its result and what backward will
     * need outlive it.
     */
    public static Tensor scope(Device device, Supplier<Tensor> body) {
        try (var scope = device.memory().scope()) {
            var result = body.get();
            scope.keep(result.data());
            return result;
        }
    }
}
