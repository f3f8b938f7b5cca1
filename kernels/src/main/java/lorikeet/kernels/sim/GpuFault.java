package lorikeet.kernels.sim;

/** What a kernel did wrong, with kernel, block, thread, and number and text of the PTX line. */
public final class GpuFault extends RuntimeException {
    private static final long serialVersionUID = 1L;

    GpuFault(String message) {
        super(message);
    }
}
