package lorikeet.peft.lessons;

import java.nio.file.Path;

/** What is wrong with a student's file, in words for the student. */
final class Mistake extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Mistake(String message) {
        super(message);
    }

    /** "Lesson4.java, line 31: ", the innermost line of {@code file} on this stack, or its name alone if none is. */
    static String place(Path file, StackTraceElement... stack) {
        var name = file.getFileName().toString();
        for (var frame : stack) {
            if (name.equals(frame.getFileName())) {
                return name + ", line " + frame.getLineNumber() + ": ";
            }
        }
        return name + ": ";
    }
}
