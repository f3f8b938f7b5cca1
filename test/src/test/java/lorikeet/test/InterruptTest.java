package lorikeet.test;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import lorikeet.engine.SafetensorsFile;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Asked to stop, a run finishes its step and saves; asked twice, it stops at once with its last checkpoint intact. */
@DisabledOnOs(OS.WINDOWS)
class InterruptTest {
    private static final int INTERRUPTED = 130;

    @TempDir
    private Path folder;
    private Path data;
    private Path said;
    private RunFolder cut;

    @BeforeEach
    void writeData() throws IOException {
        data = CommandRun.writeGoldenBatch(folder.resolve("batch.jsonl"));
        said = folder.resolve("said.txt");
        cut = new RunFolder(folder.resolve("cut"));
    }

    private String[] finetune(String steps, String accumulate) {
        return new String[] {"finetune", "--base", GoldenBase.FOLDER.toString(), "--data", data.toString(),
            "--save-every",
            "1", "--batch-size", "2", "--threads", "2", "--quiet", "--out", cut.path().toString(), "--steps", steps,
            "--accumulate", accumulate};
    }

    /** Starts the command, and sends it the signals, each when it has come so far as to need it. */
    private int interrupted(String[] command, List<String> signals) throws Exception {
        var process = OtherProcess.of(command).redirectErrorStream(true).redirectOutput(said.toFile()).start();
        try {
            for (int i = 0; i < signals.size(); i++) {
                while (process.isAlive()
                        && (i == 0 ? !hasCheckpoint() : !Files.readString(said).contains("once more"))) {
                    Thread.sleep(1);
                }
                new ProcessBuilder("kill", "-" + signals.get(i), "" + process.pid()).start().waitFor();
            }
            return process.waitFor();
        } finally {
            process.destroyForcibly();
        }
    }

    private List<String> said() throws IOException {
        return Files.readAllLines(said).stream().filter(line -> !line.startsWith("WARNING: Using incubator")).toList();
    }

    private boolean hasCheckpoint() throws IOException {
        return Files.isDirectory(cut.path().resolve("checkpoints")) && cut.checkpoints().stream()
                .anyMatch(file -> file.toString().endsWith(".safetensors"));
    }

    static Stream<String> signals() throws IOException {
        return Stream.of(OtherProcess.interrupt(), "TERM").distinct();
    }

    /** From such a checkpoint a run goes on to the same bits: see {@link ResumeTest}. */
    @ParameterizedTest
    @MethodSource("signals")
    void onceFinishesTheStepSavesAndSaysHowToGoOn(String signal) throws Exception {
        assertThat(interrupted(finetune("10000", "1"), List.of(signal))).isEqualTo(INTERRUPTED);
        int taken = cut.metrics().size();
        assertThat(said()).containsExactly("lorikeet: stopping after this step; once more stops at once",
                "lorikeet: stopped after step %1$d of 10000; the adapter is in %2$s; the same command with --out %2$s --resume goes on"
                        .formatted(taken, cut.path()));
        assertThat(cut.checkpoints().getLast()).hasFileName("step-%06d.safetensors".formatted(taken));
    }

    /** A step adds up so many batches that it has not ended when the second signal comes. */
    @Test
    void twiceStopsAtOnceWithTheLastCheckpointIntact() throws Exception {
        var command = finetune("100", "500");
        assertThat(interrupted(command, List.of(OtherProcess.interrupt(), OtherProcess.interrupt())))
                .isEqualTo(INTERRUPTED);
        assertThat(said()).hasSize(1).allMatch(line -> line.startsWith("lorikeet: stopping after this step"));
        int steps = cut.metrics().size();
        try (var checkpoint = SafetensorsFile.open(cut.checkpoints().getLast())) {
            assertThat(checkpoint.metadata()).containsEntry("step", "" + steps);
        }
    }
}
