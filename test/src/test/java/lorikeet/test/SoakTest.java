package lorikeet.test;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** However long a run takes, it needs no more memory than at its beginning: neither on the device nor from the system. */
@EnabledOnOs(OS.LINUX)
class SoakTest {
    /** A Java heap of fixed size, touched before the start, leaves only what the run itself takes from the system. */
    private static final List<String> FLAGS = List.of("-Xms64m", "-Xmx64m", "-XX:+AlwaysPreTouch", "-XX:+UseSerialGC");
    private static final double FLAT = 0.02;
    /** Java compiles methods in the first thousands of steps still, and keeps 5 of 240 MB that it takes for it. */
    private static final double FLAT_WHILE_COMPILING = 0.05;

    @TempDir
    private Path folder;

    @Test
    void aThousandSteps() throws Exception {
        soak(1_500, FLAT_WHILE_COMPILING);
    }

    @Tag("long")
    @Test
    void tenThousandSteps() throws Exception {
        System.out.println("soak      " + soak(10_000, FLAT));
    }

    private String soak(int steps, double flat) throws Exception {
        var data = CommandRun.writeGoldenBatch(folder.resolve("batch.jsonl"));
        var metrics = folder.resolve("out/metrics.jsonl");
        var said = folder.resolve("said.txt").toFile();
        var process = OtherProcess.of(FLAGS, lorikeet.peft.cli.Lorikeet.class, "finetune", "--base",
                GoldenBase.FOLDER.toString(), "--data", data.toString(), "--batch-size", "2", "--steps", "" + steps,
                "--save-every", "100", "--threads", "2", "--quiet", "--out", folder.resolve("out").toString())
                .redirectErrorStream(true).redirectOutput(said).start();
        var resident = new ArrayList<Long>();
        try {
            for (int next = steps / 2; process.isAlive(); Thread.sleep(2)) {
                int done = Files.exists(metrics) ? lines(metrics) : 0;
                if (done >= next && done < steps) {
                    resident.add(residentBytes(process));
                    next = done + Math.max(1, steps / 100);
                }
            }
        } finally {
            process.destroyForcibly();
        }
        assertThat(process.waitFor()).as("%s", Files.readString(said.toPath())).isZero();

        var peaks = peaks(metrics);
        assertThat(peaks).hasSize(steps);
        var live = peaks.subList(10, steps).stream().collect(Collectors.toSet());
        assertThat(live).as("peak of live bytes on the device").hasSize(1);
        assertThat(resident).hasSizeGreaterThan(8);
        long third = median(resident.subList(0, resident.size() / 2));
        long last = median(resident.subList(resident.size() / 2, resident.size()));
        assertThat((double) Math.abs(last - third) / third).as("%s", resident).isLessThan(flat);
        return "%,d steps: at most %,d bytes on the device in every step from the 11th on; resident size %,d bytes in the third "
                .formatted(steps, live.iterator().next(), third)
                + "quarter, %,d in the last (%+.2f %%)".formatted(last, 100.0 * (last - third) / third);
    }

    /** Not the mean: while Java compiles a method, the process has some megabytes more. */
    private static long median(List<Long> bytes) {
        return bytes.stream().sorted().skip(bytes.size() / 2).findFirst().orElseThrow();
    }

    private static int lines(Path file) throws IOException {
        try (var lines = Files.lines(file)) {
            return (int) lines.count();
        }
    }

    private static List<Long> peaks(Path metrics) throws IOException {
        var json = new JsonMapper();
        var peaks = new ArrayList<Long>();
        for (var line : Files.readAllLines(metrics)) {
            peaks.add(json.readTree(line).get("device_bytes_peak").asLong());
        }
        return peaks;
    }

    /** By the system's own count, in pages. */
    private static long residentBytes(Process process) throws IOException {
        return 4096 * Long.parseLong(Files.readString(Path.of("/proc", "" + process.pid(), "statm")).split(" ")[1]);
    }
}
