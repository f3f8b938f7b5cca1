package lorikeet.peft.cli;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Properties;
import java.util.stream.Collectors;
import lorikeet.kernels.Devices;
import picocli.CommandLine.IVersionProvider;

/** What runs: Lorikeet, Java, the device and the libraries as they were built in. */
final class Version implements IVersionProvider {
    private static final String LORIKEET = "lorikeet";

    @Override
    public String[] getVersion() throws IOException {
        var versions = new Properties();
        try (var built = Version.class.getResourceAsStream("versions.properties")) {
            versions.load(built);
        }
        var lines = new ArrayList<String>();
        lines.add("Lorikeet " + versions.getProperty(LORIKEET));
        lines.add("Java %s, %s %s".formatted(Runtime.version(), System.getProperty("os.name"),
                System.getProperty("os.arch")));
        Devices.list().stream().filter(device -> device.problem() == null)
                .forEach(device -> lines.add("%s: %s".formatted(device.name(), device.description())));
        lines.add(versions.stringPropertyNames().stream().filter(name -> !name.equals(LORIKEET)).sorted()
                .map(name -> name + " " + versions.getProperty(name)).collect(Collectors.joining(", ")));
        return lines.toArray(String[]::new);
    }
}
