package lorikeet.kernels;

/** A device cannot be used here; the message says why and what to install, in one sentence. */
public final class DeviceUnavailableException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public DeviceUnavailableException(String message) {
        super(message);
    }
}
