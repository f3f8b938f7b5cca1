package lorikeet.test;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import lorikeet.peft.cli.Lorikeet;

/** A command in a process of its own, with the flags that this one has. */
final class OtherProcess {
    private OtherProcess() {}

    static ProcessBuilder of(String... command) {
        return of(List.of(), Lorikeet.class, command);
    }

    /** @param flags more of them */
    static ProcessBuilder of(List<String> flags, Class<?> main, String... arguments) {
        var line = new ArrayList<String>();
        line.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream().filter(flag -> flag.startsWith("--"))
                .forEach(line::add);
        line.addAll(flags);
        line.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
        line.addAll(List.of(arguments));
        return new ProcessBuilder(line);
    }

    /** Processes in the background of a script ignore Ctrl-C, and so do their children; then a request to terminate will do. */
    static String interrupt() throws IOException {
        var status = Path.of("/proc/self/status");
        boolean ignored = Files.exists(status) && Files.readAllLines(status).stream()
                .filter(line -> line.startsWith("SigIgn:"))
                .anyMatch(line -> (Long.parseUnsignedLong(line.substring(7).strip(), 16) & 1 << 2 - 1) != 0);
        return ignored ? "TERM" : "INT";
    }
}
