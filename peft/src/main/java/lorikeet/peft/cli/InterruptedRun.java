package lorikeet.peft.cli;

/** The user asked a command to stop, and it did, leaving things in order. */
final class InterruptedRun extends RuntimeException {
    private static final long serialVersionUID = 1L;
}
