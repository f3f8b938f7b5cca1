package lorikeet.peft.cli;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;

/** Whether somebody sees what is written. */
final class Terminal {
    private static final int STANDARD_ERROR = 2;

    private Terminal() {}

    /** Whether standard error is a terminal, which the C library knows: Java's Console tells of input and output only. */
    static boolean showsErrors() {
        var linker = Linker.nativeLinker();
        var library = linker.defaultLookup();
        var isatty = library.find("isatty").or(() -> library.find("_isatty")); // with an underscore on Windows
        if (isatty.isEmpty()) {
            return System.console() != null && System.console().isTerminal();
        }
        var call =
                linker.downcallHandle(isatty.get(), FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
        try {
            return (int) call.invokeExact(STANDARD_ERROR) != 0;
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }
}
