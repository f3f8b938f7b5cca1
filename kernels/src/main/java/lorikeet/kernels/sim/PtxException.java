package lorikeet.kernels.sim;

/** A PTX text that cannot be loaded: one line with the number and the text of the line that is to blame. */
public final class PtxException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    PtxException(int line, String text, String message) {
        super("PTX line " + line + " `" + text + "`: " + message);
    }
}
