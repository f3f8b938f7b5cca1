package lorikeet.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import picocli.CommandLine.Command;

/** How long one waits for a whole command that takes a single step. */
@Command(name = "start", mixinStandardHelpOptions = true,
        description = "From the start of ./lorikeet finetune to its end after one step on the bundled base: launcher, JVM, "
                + "data, model, step, and the adapter written. Run it in the project's root.")
final class Start extends Measurement {
    private static final Path LAUNCHER = Path.of("lorikeet");
    private static final double TARGET_SECONDS = 1.5;

    @Override
    void measure() throws IOException {
        if (!Files.isExecutable(LAUNCHER)) {
            throw new IOException(
                    LAUNCHER.toAbsolutePath() + ": expected the launcher; run this in the project's root");
        }
        run(List.of("finetune", "--help")); // builds what has changed
        var table = new Table("Seconds from start to end of a process, median of runs and their range", "command",
                "runs", "median", "least", "most", "target");
        var command = List.of("finetune", "--steps", "1", "--eval-data", "none", "--quiet", "--threads", "" + threads);
        row(table, command, TARGET_SECONDS);
        row(table, List.of("finetune", "--help"), Double.NaN);
        show(table);
    }

    private void row(Table table, List<String> command, double target) throws IOException {
        var seconds = new double[full ? 21 : 7];
        for (int i = -1; i < seconds.length; i++) { // the first one fills caches
            long start = System.nanoTime();
            run(command);
            seconds[Math.max(0, i)] = (System.nanoTime() - start) * 1e-9;
        }
        double median = Statistics.median(seconds);
        var range = Statistics.range(seconds);
        table.row("./lorikeet " + String.join(" ", command), seconds.length, median, range[0], range[1],
                Double.isNaN(target) ? "none" : Table.target(median, target));
    }

    private static void run(List<String> arguments) throws IOException {
        var folder = Files.createTempDirectory("lorikeet-start");
        var command = new ArrayList<>(List.of(LAUNCHER.toAbsolutePath().toString()));
        command.addAll(arguments);
        if (!arguments.contains("--help")) {
            command.addAll(List.of("--out", folder.resolve("adapter").toString()));
        }
        try {
            var process = new ProcessBuilder(command).redirectErrorStream(true).start();
            var output = new String(process.getInputStream().readAllBytes());
            if (process.waitFor() != 0) {
                throw new IOException(String.join(" ", command) + " failed: " + output);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        } finally {
            try (var files = Files.walk(folder)) {
                for (var file : files.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(file);
                }
            }
        }
    }
}
