package lorikeet.test;

import static lorikeet.test.CommandRun.done;
import static lorikeet.test.CommandRun.run;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** The disk is full at one file, for which a link to /dev/full stands in: the system's own error, from the same call. */
@EnabledOnOs(OS.LINUX)
class DiskFullTest {
    @TempDir
    private Path folder;
    private Path data;
    private RunFolder whole;
    private RunFolder cut;

    @BeforeEach
    void writeData() throws IOException {
        data = CommandRun.writeGoldenBatch(folder.resolve("batch.jsonl"));
        whole = new RunFolder(folder.resolve("whole"));
        cut = new RunFolder(folder.resolve("cut"));
    }

    private String[] finetune(RunFolder out, String more) {
        return Stream.of("finetune", "--base", GoldenBase.FOLDER.toString(), "--data", data.toString(), "--save-every",
                "2", "--batch-size", "2", "--steps", "6", "--quiet", "--out", out.path().toString(), more)
                .toArray(String[]::new);
    }

    private Path fill(String file) throws IOException {
        var full = cut.path().resolve(file);
        Files.createDirectories(full.getParent());
        return Files.createSymbolicLink(full, Path.of("/dev/full"));
    }

    @Test
    void theLastCheckpointStaysAndItIsSaidWhichIsIt() throws IOException {
        var full = fill("checkpoints/step-000004.safetensors.partial");
        var stopped = run(finetune(cut, "--force"));
        assertThat(stopped.exit()).isEqualTo(1);
        assertThat(stopped.complaint()).contains("step-000004.safetensors: No space left on device",
                "--resume goes on from the last checkpoint, ", "step-000002.safetensors");
        assertThat(full).doesNotExist();
        assertThat(cut.checkpoints()).hasSize(1);

        done(finetune(whole, "--force"));
        done(finetune(cut, "--resume"));
        cut.requireSameAs(whole);
    }

    @Test
    void anAdapterThatCannotBeWrittenLeavesTheOneBefore() throws IOException {
        done(finetune(cut, "--force"));
        var before = Files.readAllBytes(cut.path().resolve("adapter_model.safetensors"));
        fill("adapter_model.safetensors.partial");
        var stopped = run(finetune(cut, "--force"));
        assertThat(stopped.exit()).isEqualTo(1);
        assertThat(stopped.complaint())
                .contains("adapter_model.safetensors: No space left on device", "step-000002.safetensors");
        assertThat(cut.path().resolve("adapter_model.safetensors")).hasBinaryContent(before);
    }

    @Test
    void metricsThatCannotBeWrittenAreNamed() throws IOException {
        fill("metrics.jsonl");
        var stopped = run(finetune(cut, "--force"));
        assertThat(stopped.exit()).isEqualTo(1);
        assertThat(stopped.complaint()).contains("metrics.jsonl: No space left on device");
    }
}
