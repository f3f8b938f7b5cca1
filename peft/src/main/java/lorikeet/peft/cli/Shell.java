package lorikeet.peft.cli;

import java.io.BufferedInputStream;
import java.io.File;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.prefs.Preferences;
import java.util.stream.Collectors;
import jdk.jshell.tool.JavaShellToolBuilder;
import picocli.CommandLine.Command;

/** Java, line by line, with Lorikeet at hand. */
@Command(name = "shell",
        description = "Starts JShell, Java's interactive shell, with everything of Lorikeet on its class path, imported, and the "
                + "flags set that it needs. Tab completes, /help helps, /exit leaves.",
        footer = {"", "Examples:", "  lorikeet shell", "  lorikeet shell < lines.jsh"})
final class Shell implements Callable<Integer> {
    private static final String BANNER = """
            Lorikeet's shell: everything is imported. Try

              var device = Devices.open("cpu", Precision.STRICT, 0)
              var x = Tensor.parameter(device, Shape.of(3), 1, 2, 3)
              x.times(x).sum().backward(); device.downloadFloats(x.gradient())
            """;

    @Override
    public Integer call() throws Exception {
        var imports = Files.createTempFile("lorikeet", ".jsh");
        try (var resource = Shell.class.getResourceAsStream("shell.jsh")) {
            Files.copy(resource, imports, StandardCopyOption.REPLACE_EXISTING);
            System.out.println(BANNER);
            return tool().start(arguments(imports).toArray(String[]::new));
        } finally {
            Files.delete(imports);
        }
    }

    /** At a terminal it edits lines and remembers them; what is piped in it reads as it is. */
    private static JavaShellToolBuilder tool() {
        boolean terminal = System.console() != null && System.console().isTerminal();
        return terminal
                ? JavaShellToolBuilder.builder().interactiveTerminal(true)
                        .persistence(Preferences.userRoot().node("lorikeet/shell"))
                : JavaShellToolBuilder.builder().in(new BufferedInputStream(System.in), null)
                        .persistence(new HashMap<>());
    }

    /** What is typed runs in a Java of its own, which gets the flags of this one. */
    private static List<String> arguments(Path imports) {
        var arguments = new ArrayList<>(List.of("--startup", "DEFAULT", "--startup", imports.toString(),
                "--feedback", "normal", "--class-path", classPath(), "--add-modules", "jdk.incubator.vector"));
        ManagementFactory.getRuntimeMXBean().getInputArguments().forEach(flag -> arguments.add("-R" + flag));
        System.getProperties().stringPropertyNames().stream().filter(name -> name.startsWith("org.slf4j.simpleLogger."))
                .forEach(name -> arguments.add("-R-D" + name + "=" + System.getProperty(name)));
        return arguments;
    }

    /** This one's, without places that are not there: the shell refuses them, where Java passes over them. */
    private static String classPath() {
        return Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(place -> Files.exists(Path.of(place))).collect(Collectors.joining(File.pathSeparator));
    }
}
