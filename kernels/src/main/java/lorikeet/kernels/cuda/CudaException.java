package lorikeet.kernels.cuda;

/** The driver or cuBLAS refused a call, or reports that earlier work failed; the message names the call. */
public final class CudaException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    CudaException(String message) {
        super(message);
    }
}
