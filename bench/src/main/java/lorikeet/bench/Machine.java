package lorikeet.bench;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import lorikeet.kernels.Devices;
import lorikeet.kernels.Precision;

/** Where and how something was measured: without this, numbers say nothing. */
final class Machine {
    private static final Set<String> TELLING_FLAGS =
            Set.of("avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "sve", "bf16");

    private static final Path FLAGS = Path.of(".jvmflags");

    /** As it was at the start: results are written into the folder while more is measured. */
    private static final String COMMIT = commit();

    private Machine() {}

    /** One processor, one device, one JDK, one commit; for Markdown. */
    static String describe(String device, int threads, double loadBefore) {
        String description;
        try (var opened = Devices.open(device, Precision.FAST, threads)) {
            description = opened.description();
        }
        return String.format(Locale.ROOT,
                "%s; commit %s. %s (%s), %d processors, %.0f GB. %s; OMP_WAIT_POLICY=%s, malloc of %s. JDK %s (%s), flags %s. "
                        + "Load average before %.1f, after %.1f (our own threads included).",
                LocalDate.now(), COMMIT, cpuLine("model name"), instructionSets(),
                Runtime.getRuntime().availableProcessors(), memory() / 1e9, description,
                System.getenv().getOrDefault("OMP_WAIT_POLICY", "unset"), allocator(), Runtime.version(),
                System.getProperty("java.vendor"), flags(), loadBefore, load());
    }

    /** The flags of this JVM, and of JMH's forks; those of the launcher go by their file's name. JMH's results list them all. */
    private static String flags() {
        var flags = ManagementFactory.getRuntimeMXBean().getInputArguments();
        try (var lines = Files.lines(FLAGS)) {
            if (lines.filter(line -> line.startsWith("-")).toList().equals(flags)) {
                return "of `" + FLAGS + "`";
            }
        } catch (IOException e) {
            // then the flags themselves say it
        }
        return String.join(" ", flags);
    }

    /** How many processes want a processor, averaged over a minute. */
    static double load() {
        return ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage();
    }

    private static String instructionSets() {
        return String.join(" ", List.of(cpuLine("flags").split(" ")).stream().filter(TELLING_FLAGS::contains).toList());
    }

    private static String cpuLine(String name) {
        return line(Path.of("/proc/cpuinfo"), name, System.getProperty("os.arch"));
    }

    private static double memory() {
        return 1024 * Double.parseDouble(line(Path.of("/proc/meminfo"), "MemTotal", "0").replaceAll("\\D", ""));
    }

    private static String line(Path file, String name, String otherwise) {
        try (var lines = Files.lines(file)) {
            return lines.filter(line -> line.startsWith(name)).findFirst()
                    .map(line -> line.substring(line.indexOf(':') + 1).strip()).orElse(otherwise);
        } catch (IOException e) {
            return otherwise;
        }
    }

    private static String allocator() {
        var preloaded = System.getenv("LD_PRELOAD");
        return preloaded == null || preloaded.isBlank()
                ? "the C library"
                : Path.of(preloaded).getFileName().toString();
    }

    /** Of the working folder; a plus sign where files differ from it. */
    private static String commit() {
        try {
            var git = new ProcessBuilder("git", "describe", "--always", "--dirty=+", "--exclude=*")
                    .redirectError(ProcessBuilder.Redirect.DISCARD).start();
            var name = new String(git.getInputStream().readAllBytes()).strip();
            return git.waitFor(10, TimeUnit.SECONDS) && git.exitValue() == 0 ? name : "unknown";
        } catch (IOException e) {
            return "unknown";
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return "unknown";
        }
    }
}
