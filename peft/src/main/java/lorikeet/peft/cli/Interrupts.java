package lorikeet.peft.cli;

import java.util.List;
import sun.misc.Signal;

/** Ctrl-C and a request to terminate: the first asks a run to stop after its step, the second stops it at once. */
final class Interrupts {
    private volatile boolean requested;

    private Interrupts() {}

    /** Listens from now on. */
    static Interrupts listen() {
        var interrupts = new Interrupts();
        for (var name : List.of("INT", "TERM")) {
            Signal.handle(new Signal(name), _ -> {
                if (interrupts.requested) {
                    Runtime.getRuntime().halt(Lorikeet.INTERRUPTED);
                }
                interrupts.requested = true;
                System.err.println("lorikeet: stopping after this step; once more stops at once");
            });
        }
        return interrupts;
    }

    boolean requested() {
        return requested;
    }
}
