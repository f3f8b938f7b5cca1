package lorikeet.peft.cli;

import java.util.Arrays;

/** How remarks of the library reach the user: one plain line each on standard error. */
final class Remarks {
    private Remarks() {}

    /** Must run before the first logger is made. */
    static void configure(String... arguments) {
        boolean quiet = Arrays.asList(arguments).contains("--quiet");
        boolean verbose = Arrays.asList(arguments).contains("--verbose");
        System.setProperty("org.slf4j.simpleLogger.defaultLogLevel", "error");
        System.setProperty("org.slf4j.simpleLogger.log.lorikeet", quiet ? "error" : verbose ? "debug" : "info");
        System.setProperty("org.slf4j.simpleLogger.showThreadName", "false");
        System.setProperty("org.slf4j.simpleLogger.showLogName", "false");
        System.setProperty("org.slf4j.simpleLogger.showShortLogName", "false");
    }
}
