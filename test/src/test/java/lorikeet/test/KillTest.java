package lorikeet.test;

import static lorikeet.test.CommandRun.done;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A process killed (SIGKILL) at random moments, and gone on with each time, ends as if it had not been, to the bit. */
@DisabledOnOs(OS.WINDOWS)
class KillTest {
    private static final int STEPS = 40;
    /** A kill comes at most so many steps after the one before, and so long after that step. */
    private static final int FURTHER = 8, MILLISECONDS = 30;

    @TempDir
    private Path folder;

    @Test
    void killedTwice() throws Exception {
        survive("lora --dropout 0.3", 2);
    }

    @Tag("long")
    @ParameterizedTest
    @MethodSource("lorikeet.test.ResumeTest#methods")
    void killedFourTimes(String method) throws Exception {
        System.out.println("kills     " + method + ": with " + survive(method, 4)
                + " lines of metrics written, in a run of " + STEPS
                + " steps");
    }

    /** Answers how many lines of metrics there were when it was killed. */
    private List<Integer> survive(String method, int kills) throws Exception {
        var data = CommandRun.writeGoldenBatch(folder.resolve("batch.jsonl"));
        var whole = new RunFolder(folder.resolve("whole"));
        var cut = new RunFolder(folder.resolve("cut"));
        done(finetune(data, method, whole));
        var lines = new ArrayList<Integer>();
        for (int kill = 0; kill < kills; kill++) {
            killSoon(kill == 0 ? finetune(data, method, cut) : resume(data, method, cut), cut);
            lines.add(lines(cut));
        }
        done(resume(data, method, cut));
        cut.requireSameAs(whole);
        return lines;
    }

    private static String[] finetune(Path data, String method, RunFolder out) {
        return Stream.concat(Stream.of("finetune", "--base", GoldenBase.FOLDER.toString(), "--data", data.toString(),
                "--eval-data", data.toString(), "--eval-every", "20", "--save-every", "2", "--batch-size", "2",
                "--steps",
                "" + STEPS, "--threads", "2", "--quiet", "--out", out.path().toString(), "--method"),
                Stream.of(method.split(" "))).toArray(String[]::new);
    }

    private static String[] resume(Path data, String method, RunFolder out) {
        return Stream.concat(Stream.of(finetune(data, method, out)), Stream.of("--resume")).toArray(String[]::new);
    }

    /** Starts a command in a process of its own and kills it while it trains. */
    private void killSoon(String[] command, RunFolder out) throws Exception {
        var said = folder.resolve("said.txt").toFile();
        var random = ThreadLocalRandom.current();
        int enough = lines(out) + random.nextInt(1, FURTHER);
        var process = OtherProcess.of(command).redirectErrorStream(true).redirectOutput(said).start();
        try {
            while (process.isAlive() && lines(out) < enough) {
                Thread.sleep(1);
            }
            process.waitFor(random.nextInt(MILLISECONDS), TimeUnit.MILLISECONDS);
        } finally {
            process.destroyForcibly();
        }
        assertThat(process.waitFor()).as("%s", Files.readString(said.toPath())).isEqualTo(128 + 9);
    }

    /** Of metrics: about as many as steps. */
    private static int lines(RunFolder run) throws IOException {
        var metrics = run.path().resolve("metrics.jsonl");
        return Files.exists(metrics) ? Files.readAllLines(metrics).size() : 0;
    }
}
