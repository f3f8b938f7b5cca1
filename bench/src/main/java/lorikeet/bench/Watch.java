package lorikeet.bench;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import lorikeet.kernels.Ledger;
import lorikeet.kernels.Purpose;

/**
 * What a benchmark has to say besides its time. JMH makes benchmark and profiler itself, each in its own way, so the one
 * leaves here what the other reports.
 */
public final class Watch {
    /** Milliseconds that all threads of the process together have spent on processors in an iteration. */
    static final String CPU_TIME = "processor time";

    private static final Path STATUS = Path.of("/proc/self/status");
    private static final Path RESET = Path.of("/proc/self/clear_refs");

    private static final Map<String, Double> said = new LinkedHashMap<>();
    private static Ledger ledger;
    private static long cpuBefore;

    private Watch() {}

    /** The weights are loaded and all is at rest: memory counts from here. {@code books} may be null. */
    public static void start(Ledger books) {
        said.clear();
        ledger = books;
        if (ledger != null) {
            say("loaded", ledger.current(Purpose.WEIGHTS)); // copies that come later are not the model's own
        }
        say("resident idle", resident("VmRSS"));
        try {
            Files.writeString(RESET, "5"); // the peak begins anew
        } catch (IOException | SecurityException e) {
            said.remove("resident idle"); // elsewhere than on Linux nobody knows
        }
    }

    /** A number that is the same in every iteration, or of which the last counts. */
    public static void say(String name, double value) {
        said.put(name, value);
    }

    /** Peaks and processor time count from here. */
    static void beforeIteration() {
        cpuBefore = cpuTime();
        if (ledger != null) {
            ledger.resetPeaks();
        }
    }

    /** All there is to report now; bytes where memory is meant. */
    static Map<String, Double> report() {
        var all = new LinkedHashMap<>(said);
        all.put(CPU_TIME, (cpuTime() - cpuBefore) / 1e6);
        if (said.containsKey("resident idle")) {
            all.put("resident peak", resident("VmHWM"));
        }
        if (ledger != null) {
            all.put("peak", (double) ledger.peak());
            for (var purpose : Purpose.values()) {
                all.put(purpose.label(), (double) ledger.atPeak().get(purpose));
            }
        }
        return all;
    }

    /** In nanoseconds; 0 where the JVM does not know. */
    private static long cpuTime() {
        return ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system
                ? system.getProcessCpuTime()
                : 0;
    }

    /** A line of the system's report on this process, in bytes; 0 where there is none. */
    private static double resident(String name) {
        try (var lines = Files.lines(STATUS)) {
            return lines.filter(line -> line.startsWith(name + ":")).findFirst()
                    .map(line -> Double.parseDouble(line.replaceAll("\\D", "")) * 1024).orElse(0.0);
        } catch (IOException e) {
            return 0;
        }
    }
}
