package lorikeet.test;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The command compare on a base so small that all of it takes seconds. */
class CompareTest {
    private static final String METHODS = "lora:rank=2,targets=c_attn,mlp.c_fc,lr=1e-2,prompt:virtual-tokens=2,full";

    @TempDir
    private static Path shared;
    private static String base;
    private static String data;

    @TempDir
    private Path folder;

    private static CommandRun run(Stream<String> arguments) {
        return CommandRun.run(arguments.toArray(String[]::new));
    }

    @BeforeAll
    static void pretrain() throws IOException {
        var texts = IntStream.range(0, 40).mapToObj(i -> "The parrot said " + "lori ".repeat(i % 5 + 1) + i).toList();
        var text = Files.write(shared.resolve("text.txt"), texts);
        base = shared.resolve("base").toString();
        assertThat(run(Stream.of("pretrain", "--text", text.toString(), "--vocabulary", "280", "--context", "300",
                "--width", "16", "--layers", "1", "--heads", "2", "--steps", "4", "--warmup", "1", "--batch-tokens",
                "100", "--out", base)).exit()).isZero();
        data = Files.write(shared.resolve("data.jsonl"), IntStream.range(0, 6).mapToObj(
                i -> "{\"prompt\":\"The parrot said\",\"completion\":\" lori %d\"}".formatted(i)).toList()).toString();
    }

    private CommandRun compare(String... more) {
        return run(Stream.concat(Stream.of("compare", "--base", base, "--methods", METHODS, "--batch-size", "4",
                "--out", folder.toString()), Stream.of(more)));
    }

    private CommandRun compareOnFile(String... more) {
        return compare(Stream.concat(Stream.of("--data", data, "--eval-data", data, "--seeds", "1", "--quiet",
                "--device", "cpu"),
                Stream.of(more)).toArray(String[]::new));
    }

    private List<Path> trials() throws IOException {
        try (var files = Files.list(folder.resolve("trials"))) {
            return files.sorted().toList();
        }
    }

    @Test
    void theBundledTasksMakeTheLecturesTable() throws IOException {
        var result = compare("--steps", "2", "--train-limit", "8", "--eval-limit", "4", "--generate", "2", "--seeds",
                "1,2");
        assertThat(result.exit()).as(result.err()).isZero();
        assertThat(result.err()).contains("14 of 14 runs", "comparing: 24 of 24",
                "full on definitions, seed 2: ROUGE-L");
        var rows = result.out().lines().toList();
        assertThat(rows).hasSize(6);
        assertThat(rows.get(0)).contains("| topics: accuracy, % | definitions: ROUGE-L, % | weights, MB |");
        assertThat(rows.get(2)).startsWith("| untouched base | 0 | 0 % |");
        assertThat(rows.get(3)).startsWith("| lora:rank=2,targets=c_attn,mlp.c_fc,lr=1e-2 | 288 | ")
                .contains(" % | 0.01 | ", " ± ");
        assertThat(rows.get(4)).startsWith("| prompt:virtual-tokens=2 | 32 | ");
        assertThat(rows.get(5)).startsWith("| full | ").contains(" | 100.000 % | ");
        assertThat(folder.resolve("comparison.md")).hasContent(result.out());
        assertThat(Files.readAllLines(folder.resolve("comparison.csv"))).hasSize(15);
        assertThat(trials()).hasSize(14);
        assertThat(memory(1)).hasSize(6).isEqualTo(memory(2));
    }

    /** Bytes of weights and gradients in each run with a seed: no run leaves anything behind in the device's memory. */
    private List<String> memory(int seed) throws IOException {
        return Files.readAllLines(folder.resolve("comparison.csv")).stream()
                .filter(line -> line.matches(".*(topics|definitions)," + seed + ",.*"))
                .map(line -> line.split(",(?=\\d+,\\d+,\\d+,\\d+,\\d+,[^,]*,\\d+$)")[1].split(","))
                .map(cells -> cells[0] + " " + cells[1]).toList();
    }

    /** Everything in the table but the seconds. */
    private static String numbers(String table) {
        return table.replaceAll(" \\d+\\.\\d+ \\| (\\d+\\.\\d+ \\|)$", " $1");
    }

    @Test
    void theSameCommandRunsOnlyWhatIsMissing() throws IOException {
        var first = compareOnFile("--steps", "3");
        assertThat(first.exit()).as(first.err()).isZero();
        assertThat(first.err()).isEmpty();
        assertThat(first.out()).contains("data.jsonl: ROUGE-L, %");
        var written = trials();
        assertThat(written).hasSize(4);
        var times = new ArrayList<Object>();
        for (var file : written) {
            times.add(Files.getLastModifiedTime(file));
        }

        var again = compareOnFile("--steps", "3");
        assertThat(again.out()).isEqualTo(first.out());
        Files.delete(written.getFirst());
        var mended = compareOnFile("--steps", "3");
        assertThat(mended.out().lines().map(CompareTest::numbers))
                .containsExactlyElementsOf(first.out().lines().map(CompareTest::numbers).toList());
        assertThat(trials()).isEqualTo(written);
        for (int i = 1; i < written.size(); i++) {
            assertThat(Files.getLastModifiedTime(written.get(i))).isEqualTo(times.get(i));
        }

        assertThat(compareOnFile("--steps", "4").exit()).isZero();
        assertThat(trials()).hasSize(7).containsAll(written);
    }

    /** Biases of the base that LoRA trains are in the base already. */
    @Test
    void parametersAreCountedOnce() throws IOException {
        var result = run(Stream.of("compare", "--base", base, "--data", data, "--eval-data", data, "--seeds", "1",
                "--quiet", "--device", "cpu", "--steps", "1", "--methods",
                "lora:rank=2,targets=c_attn,lora:rank=2,targets=c_attn,bias=all", "--out", folder.toString()));
        assertThat(result.exit()).as(result.err()).isZero();
        var all = Files.readAllLines(folder.resolve("comparison.csv")).stream().skip(2)
                .map(line -> line.split(",data\\.jsonl,")[1].split(",")[3]).toList();
        assertThat(all).hasSize(2);
        assertThat(all.getFirst()).isEqualTo(all.getLast()).matches("\\d+");
    }

    @Test
    void changedExamplesMakeOtherRuns() throws IOException {
        var lines = Files.readAllLines(Path.of(data));
        var changing = folder.resolveSibling("changing.jsonl");
        Files.write(changing, lines);
        var arguments = new String[] {"--data", changing.toString(), "--eval-data", changing.toString(), "--seeds", "1",
            "--steps", "1"};
        assertThat(compare(arguments).exit()).isZero();
        Files.write(changing, lines.stream().sorted(Comparator.reverseOrder()).toList());
        assertThat(compare(arguments).err()).contains("4 of 4 runs");
        assertThat(trials()).hasSize(8);
    }

    @Test
    void aMethodThatDivergesIsLeftOut() throws IOException {
        var result = run(Stream.of("compare", "--base", base, "--data", data, "--eval-data", data, "--seeds", "1",
                "--quiet", "--device", "cpu", "--steps", "20", "--batch-size", "4", "--grad-clip", "0", "--warmup", "0",
                "--methods", "full:lr=1e30,bitfit", "--out", folder.toString()));
        assertThat(result.exit()).as(result.err()).isZero();
        assertThat(result.err()).contains("lorikeet: without full:lr=1e30 on data.jsonl, seed 1: ");
        assertThat(result.out()).contains("| bitfit |").doesNotContain("full");
        assertThat(trials()).hasSize(2);
    }

    @ParameterizedTest
    @ValueSource(strings = {"--methods magic", "--methods lora,lora", "--methods lora:rank", "--methods lora:rank=x",
        "--methods lora:bottleneck=8", "--methods lora,", "--methods prompt:virtual-tokens=301",
        "--methods lora:lr=fast", "--methods lora:lr=-1", "--methods lora,dora:targets=wte",
        "--methods lora,ia3:targets=c_attn.q", "--methods lora,lora:init=pissa,rank=17",
        "--methods lora,dora:init=pissa,rank-pattern=c_fc=17", "--seeds x", "--seeds 1,1", "--seed 1", "--generate 0",
        "--steps -1", "--eval-data x", "--data topics,x --eval-data x", "--train-limit -1"})
    void wrongUsageExitsWith2AndWritesNothing(String wrong) {
        var result = run(Stream.concat(Stream.of("compare", "--base", base, "--out", folder.toString()),
                Stream.of(wrong.split(" "))));
        assertThat(result.exit()).as(result.err()).isEqualTo(2);
        assertThat(result.out()).isEmpty();
        assertThat(result.err()).contains(wrong.substring(0, wrong.indexOf(' '))).doesNotContain("Exception", "\tat ");
        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void nothingButAnEarlierComparisonIsWrittenOver() throws IOException {
        Files.writeString(folder.resolve("comparison.md"), "mine");
        var result = compareOnFile("--steps", "1");
        assertThat(result.exit()).isEqualTo(1);
        assertThat(result.err()).startsWith("lorikeet: " + folder + ": is not empty").hasLineCount(1);
        assertThat(folder.resolve("comparison.md")).hasContent("mine");
    }

    @Test
    void aFileWithoutExamplesToEvaluateWithIsRefused() {
        var result = run(Stream.of("compare", "--base", base, "--data", data, "--out", folder + "/x"));
        assertThat(result.exit()).isEqualTo(2);
        assertThat(result.err()).contains("--eval-data");
    }
}
