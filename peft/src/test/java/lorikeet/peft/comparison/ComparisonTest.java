package lorikeet.peft.comparison;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assumptions.assumeThatCode;

import java.awt.Font;
import java.awt.font.FontRenderContext;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import lorikeet.kernels.Purpose;
import lorikeet.peft.comparison.Trial.Score;
import lorikeet.peft.comparison.Trial.Setup;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ComparisonTest {
    private static final Map<Purpose, Long> MEMORY =
            Map.of(Purpose.WEIGHTS, 24_900_000L, Purpose.GRADIENTS, 400_000L, Purpose.OPTIMIZER, 800_000L,
                    Purpose.ACTIVATIONS, 210_000_000L, Purpose.WORKSPACE, 0L);
    private static final String LORA = "lora:rank=16,targets=c_attn";

    @TempDir
    private Path folder;

    private static Trial untouched(String data, Score score) {
        return new Trial(new Setup(Setup.UNTOUCHED, data, 0, Map.of()), 0, 1000, List.of(), Double.NaN, Map.of(), 0,
                score);
    }

    private static Trial lora(String data, long seed, double seconds, Score score) {
        return new Trial(new Setup(LORA, data, seed, Map.of(Comparison.LEARNING_RATE, "0.003")), 1024, 2048,
                List.of(2f, 1.5f), seconds, MEMORY, 1_230_000, score);
    }

    private static Comparison comparison() {
        return new Comparison(List.of(
                untouched("topics", new Score(5.25, 0.215, 0.5, null)),
                untouched("definitions", new Score(3.5, null, null, 0.1)),
                untouched("texts", new Score(3.25, null, null, null)),
                lora("topics", 1, 0.1, new Score(0.5, 0.70, 0.9, null)),
                lora("definitions", 1, 9, new Score(3, null, null, 0.2)),
                lora("texts", 1, 9, new Score(3.125, null, null, null)),
                lora("topics", 2, 0.2, new Score(0.5, 0.74, 0.9, null)),
                lora("definitions", 2, 9, new Score(3, null, null, 0.25)),
                lora("texts", 2, 9, new Score(3.375, null, null, null))));
    }

    @Test
    void theTableHasARowForEachMethodWithMeanAndSpreadOverSeeds() {
        assertThat(comparison().markdown().lines()).containsExactly(
                "| method | trained parameters | share | learning rate | topics: accuracy, % | "
                        + "definitions: ROUGE-L, % | texts: loss | weights, MB | gradients, MB | optimizer, MB | "
                        + "activations, MB | workspace, MB | peak, MB | s/step | adapter, MB |",
                "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
                "| untouched base | 0 | 0 % |  | 21.5 | 10.0 | 3.250 |  |  |  |  |  |  |  |  |",
                "| lora:rank=16,targets=c_attn | 1,024 | 50.000 % | 0.003 | 72.0 ± 2.8 | 22.5 ± 3.5 | 3.250 ± 0.177 | "
                        + "24.9 | 0.4 | 0.8 | 210.0 | 0.0 | 236.1 | 0.150 | 1.23 |");
    }

    /** LoRA diverged on topics with both seeds, and on definitions with one of them. */
    private static Comparison diverged() {
        return new Comparison(List.of(
                untouched("topics", new Score(5.25, 0.215, 0.5, null)),
                untouched("definitions", new Score(3.5, null, null, 0.1)),
                new Trial(new Setup("bitfit", "topics", 1, Map.of(Comparison.LEARNING_RATE, "0.03")), 512, 1024,
                        List.of(2f, 1.5f), 0.1, MEMORY, 1_000_000, new Score(0.5, 0.70, 0.9, null)),
                new Trial(new Setup("bitfit", "definitions", 1, Map.of(Comparison.LEARNING_RATE, "0.03")), 512, 1024,
                        List.of(2f, 1.5f), 0.1, MEMORY, 1_000_000, new Score(3, null, null, 0.25)),
                lora("definitions", 2, 9, new Score(3, null, null, 0.2))));
    }

    @Test
    void whereAMethodDivergedItsRowSaysSo() {
        assertThat(diverged().markdown().lines().skip(2)).containsExactly(
                "| untouched base | 0 | 0 % |  | 21.5 | 10.0 |  |  |  |  |  |  |  |  |",
                "| bitfit | 512 | 50.000 % | 0.03 | 70.0 (1 of 2 seeds) | 25.0 (1 of 2 seeds) | "
                        + "24.9 | 0.4 | 0.8 | 210.0 | 0.0 | 236.1 | 0.100 | 1.00 |",
                "| lora:rank=16,targets=c_attn | 1,024 | 50.000 % | 0.003 | – | 20.0 (1 of 2 seeds) | "
                        + "– | – | – | – | – | – | – | – |");
    }

    @Test
    void thePageShowsCostsOfWhatFinishedTheFirstTask() {
        var page = ComparisonPage.of(diverged(), "compare", "1");
        assertThat(page.memory()).extracting(ComparisonPage.Bytes::method).containsExactly("bitfit");
        assertThat(page.tasks()).extracting(ComparisonPage.Scores::measure).containsExactly("accuracy, %",
                "ROUGE-L, %");
        assertThat(page.tasks().getLast().methods()).hasSize(2);
    }

    @Test
    void theCsvHasALineForEachRun() {
        var lines = comparison().csv().lines().toList();
        assertThat(lines).hasSize(10);
        assertThat(lines.get(0)).isEqualTo("method,data,seed,learning_rate,trained,all,loss,accuracy,top_five,rouge_l,"
                + "weights_bytes,gradients_bytes,optimizer_bytes,activations_bytes,workspace_bytes,seconds_per_step,"
                + "adapter_bytes");
        assertThat(lines.get(1)).isEqualTo("untouched base,topics,0,,0,1000,5.25,0.215,0.5,,,,,,,,");
        assertThat(lines.get(5)).isEqualTo("\"" + LORA + "\",definitions,1,0.003,1024,2048,3.0,,,0.2,"
                + "24900000,400000,800000,210000000,0,9.0,1230000");
    }

    @Test
    void theSpreadIsTheSampleStandardDeviation() {
        assertThat(Comparison.spread(1, 2, 3, 6)).isCloseTo(Math.sqrt(14.0 / 3), within(1e-12));
        assertThat(Comparison.spread(7)).isZero();
    }

    @Test
    void picturesAreWritten() throws IOException {
        requirePictures(comparison());
    }

    @Test
    void picturesLeaveOutWhatDivergedOnTheFirstTask() throws IOException {
        requirePictures(diverged());
    }

    private void requirePictures(Comparison comparison) throws IOException {
        assumeThatCode(() -> new Font(Font.SANS_SERIF, Font.PLAIN, 12).getStringBounds("a",
                new FontRenderContext(null, true, true))).as("a system without fonts").doesNotThrowAnyException();
        Pictures.write(comparison, folder);
        for (var name : List.of("score.png", "loss.png", "memory.png")) {
            assertThat(Files.readAllBytes(folder.resolve(name))).as(name)
                    .startsWith(0x89, 'P', 'N', 'G').hasSizeGreaterThan(5000);
        }
    }

    @Test
    void trialsAreFoundAgainByTheirSetup() throws IOException {
        var trial = lora("topics", 1, 0.1, new Score(Double.NaN, 0.70, 0.9, null));
        var untouched = untouched("topics", new Score(5.25, null, null, 0.1));
        var trials = TrialFolder.open(folder);
        trials.add(trial);
        trials.add(untouched);
        var again = TrialFolder.open(folder);
        assertThat(again.find(trial.setup())).isEqualTo(trial);
        assertThat(again.find(untouched.setup())).isEqualTo(untouched);
        assertThat(again.find(lora("topics", 2, 0.1, null).setup())).isNull();
        assertThat(folder).isDirectoryContaining("glob:**lora-rank=16-targets=c_attn-topics-seed-1-????????.json");
    }

    @Test
    void aBrokenTrialIsNamed() throws IOException {
        var file = Files.writeString(folder.resolve("x.json"), "{\"setup\":");
        assertThatIOException().isThrownBy(() -> TrialFolder.open(folder)).withMessageStartingWith(file + ": expected");
    }
}
