package lorikeet.peft.cli;

/** An option has a value that it cannot have. */
final class WrongUsage extends IllegalArgumentException {
    private static final long serialVersionUID = 1L;

    WrongUsage(String message) {
        super(message);
    }
}
