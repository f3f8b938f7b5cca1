package lorikeet.test;

import static lorikeet.test.CommandRun.done;
import static lorikeet.test.CommandRun.run;
import static lorikeet.test.CommandRun.with;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A run that was cut short and gone on with ends as if it had not been, to the bit. */
class ResumeTest {
    private static final String BASE = GoldenBase.FOLDER.toString();

    @TempDir
    private Path folder;
    private Path data;
    private Path whole;
    private Path cut;

    @BeforeEach
    void writeData() throws IOException {
        data = CommandRun.writeGoldenBatch(folder.resolve("batch.jsonl"));
        whole = folder.resolve("whole");
        cut = folder.resolve("cut");
    }

    private String[] finetune(Path out, String... more) {
        return Stream.concat(Stream.of("finetune", "--base", BASE, "--data", data.toString(), "--eval-data",
                data.toString(), "--eval-every", "4", "--save-every", "3", "--batch-size", "2", "--steps", "8",
                "--quiet", "--out", out.toString()), Stream.of(more)).toArray(String[]::new);
    }

    /** Leaves of a finished run what one has left that was killed in step 8, having just begun to write its results. */
    private void killLate(Path run) throws IOException {
        var metrics = run.resolve("metrics.jsonl");
        var text = Files.readString(metrics);
        Files.writeString(metrics, text.substring(0, text.indexOf("{\"step\":8") + 5));
        Files.writeString(run.resolve("adapter_model.safetensors"), "half");
        Files.writeString(run.resolve("adapter_model.safetensors.partial"), "half of the next");
    }

    private void requireSame() throws IOException {
        new RunFolder(cut).requireSameAs(new RunFolder(whole));
        assertThat(new RunFolder(whole).metrics()).hasSize(8 + 4); // evaluated before, after 4, after 8 and at the end
    }

    static Stream<String> methods() {
        return Stream.of("lora --dropout 0.3", "lora --init pissa", "lora --bias all --rate-ratio 4", "dora", "ia3",
                "prompt --virtual-tokens 3", "prefix --virtual-tokens 3 --encoder-hidden 8",
                "prefix --virtual-tokens 3 --encoder none", "p-tuning --virtual-tokens 3", "series --bottleneck 4",
                "parallel --bottleneck 4", "full --base-dropout 0.1", "last-layers", "bitfit", "layer-norms");
    }

    @ParameterizedTest
    @MethodSource("methods")
    void everyMethodEndsWithTheSameBits(String method) throws IOException {
        var options = with(new String[] {"--method"}, method.split(" "));
        done(finetune(whole, options));
        done(finetune(cut, options));
        killLate(cut);
        var resumed = done(with(finetune(cut, options), "--resume"));
        assertThat(resumed.out()).contains("loss ");
        requireSame();
    }

    @Test
    void oneKilledBeforeItsFirstCheckpointStartsAnew() throws IOException {
        done(finetune(whole));
        Files.createDirectories(cut);
        Files.writeString(cut.resolve("metrics.jsonl"), "{\"step\":0,");
        done(with(finetune(cut), "--resume"));
        requireSame();
    }

    @Test
    void anUnreadableCheckpointGivesWayToTheOneBefore() throws IOException {
        done(finetune(whole));
        done(finetune(cut));
        killLate(cut);
        Files.write(cut.resolve("checkpoints/step-000006.safetensors"), new byte[100]);
        var metrics = cut.resolve("metrics.jsonl");
        var before = Files.readAllLines(metrics).subList(0, 4); // the first evaluation and three steps
        done(with(finetune(cut), "--resume"));
        assertThat(Files.readAllLines(metrics)).startsWith(before.toArray(String[]::new)); // the time they took, too
        requireSame();
    }

    @Test
    void twoCheckpointsAreKept() throws IOException {
        done(finetune(cut));
        assertThat(new RunFolder(cut).checkpoints()).extracting(file -> file.getFileName().toString())
                .containsExactly("step-000003.safetensors", "step-000006.safetensors");
    }

    @ParameterizedTest
    @ValueSource(strings = {"--lr 2e-3", "--rank 2", "--method bitfit", "--seed 2", "--warmup 1", "--precision strict",
        "--schedule cosine"})
    void anotherRunDoesNotGoOn(String change) {
        done(finetune(cut));
        var name = change.split(" ")[0];
        var other = run(with(finetune(cut, change.split(" ")), "--resume"));
        assertThat(other.exit()).isEqualTo(1);
        assertThat(other.complaint()).contains("the run differs: " + name + " was ");
    }

    @Test
    void otherDataIsNamed() throws IOException {
        done(finetune(cut));
        var lines = Files.readAllLines(data);
        Files.write(data, List.of(lines.get(1), lines.get(0), lines.get(2)));
        assertThat(run(with(finetune(cut), "--resume")).complaint())
                .contains("the run differs: the content of --data was ");
    }

    @Test
    void resumingNeedsARun() {
        assertThat(run(with(finetune(cut), "--resume")).exit()).isEqualTo(2);
        assertThat(run("finetune", "--base", BASE, "--data", data.toString(), "--resume").exit()).isEqualTo(2);
    }

    @Test
    void twoRunsInOneFolderExcludeEachOther() throws IOException {
        done(finetune(cut));
        try (var other = FileChannel.open(cut.resolve("metrics.jsonl"), StandardOpenOption.WRITE);
                var _ = other.lock()) {
            var second = run(with(finetune(cut), "--force"));
            assertThat(second.exit()).isEqualTo(1);
            assertThat(second.complaint()).contains("metrics.jsonl: another run is writing there");
        }
    }

    /** What looks half-written is what the other run is writing. */
    @Test
    void whoMayNotGoOnRemovesNothing() throws IOException {
        done(finetune(cut));
        var half = Files.writeString(cut.resolve("checkpoints/step-000009.safetensors.partial"), "half");
        try (var other = FileChannel.open(cut.resolve("metrics.jsonl"), StandardOpenOption.WRITE);
                var _ = other.lock()) {
            assertThat(run(with(finetune(cut), "--resume")).complaint())
                    .contains("metrics.jsonl: another run is writing there");
        }
        assertThat(half).exists();
    }

    @Test
    void trainingThatHasLeftTheNumbersStopsWithTheLastGoodOnes() throws IOException {
        var lost = run(finetune(cut, "--method", "full", "--lr", "1e30", "--grad-clip", "0", "--schedule", "constant",
                "--warmup", "0"));
        assertThat(lost.exit()).isEqualTo(1);
        assertThat(lost.err()).contains("not finite", "5 steps in a row: try a smaller --lr");
        assertThat(done("inspect", cut.toString()).out()).contains("wte.weight");
    }
}
