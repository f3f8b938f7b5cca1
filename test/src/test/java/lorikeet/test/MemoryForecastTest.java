package lorikeet.test;

import static lorikeet.test.CommandRun.done;
import static lorikeet.test.CommandRun.run;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What finetune says that it will need, and what it refuses to begin. */
class MemoryForecastTest {
    private static final Pattern NEED = Pattern.compile("needs     about ([\\d.]+) MB \\(");
    private static final JsonMapper JSON = new JsonMapper();

    @TempDir
    private Path folder;
    private Path data;

    @BeforeEach
    void writeData() throws IOException {
        data = CommandRun.writeGoldenBatch(folder.resolve("batch.jsonl"));
    }

    private String[] finetune(Path base, String... more) {
        return CommandRun
                .with(new String[] {"finetune", "--base", base.toString(), "--data", data.toString(), "--steps",
                    "3", "--out", folder.resolve("out").toString(), "--force"}, more);
    }

    @ParameterizedTest
    @ValueSource(strings = {"lora --precision fast", "lora --precision strict", "full --precision fast",
        "prefix --virtual-tokens 4 --encoder-hidden 16", "lora --recompute",
        "lora --batch-size 2"})
    void whatIsTakenIsWhatWasForetold(String method) throws IOException {
        var said = done(finetune(GoldenBase.FOLDER, CommandRun.with(new String[] {"--method"}, method.split(" "))));
        var need = NEED.matcher(said.err());
        assertThat(need.find()).as(said.err()).isTrue();
        var last = Files.readAllLines(folder.resolve("out/metrics.jsonl")).getLast();
        double taken = JSON.readTree(last).get("device_bytes_peak").asLong() / 1e6;
        assertThat(Double.parseDouble(need.group(1))).isBetween(0.9 * taken, 1.3 * taken);
    }

    /** A folder of the golden base with other numbers in its configuration, and no weights at all. */
    private Path base(Object... fields) throws IOException {
        var config = (ObjectNode) JSON.readTree(GoldenBase.FOLDER.resolve("config.json").toFile());
        for (int i = 0; i < fields.length; i += 2) {
            config.set((String) fields[i], JSON.valueToTree(fields[i + 1]));
        }
        var base = Files.createDirectories(folder.resolve("base"));
        Files.writeString(base.resolve("config.json"), config.toString());
        return base;
    }

    @Test
    void aBaseThatIsTooLargeIsRefusedBeforeItIsRead() throws IOException {
        var refused = run(finetune(base("n_embd", 12288, "n_layer", 96, "n_head", 96), "--method", "full",
                "--precision", "strict"));
        assertThat(refused.exit()).isEqualTo(1);
        assertThat(refused.complaint()).startsWith("lorikeet: full needs 2,786.6 GB (weights 695.9 GB, ")
                .contains(", but cpu has ").endsWith("only a smaller base would fit");
        assertThat(folder.resolve("out")).doesNotExist();
    }

    /** Sequences so long and many that only they make it too large. */
    @Test
    void whatWouldFitIsNamed() throws IOException {
        var ids = new int[512];
        Arrays.setAll(ids, i -> i % 250);
        var line = "{\"input_ids\":%1$s,\"labels\":%1$s}".formatted(Arrays.toString(ids));
        var lines = new ArrayList<>(List.of(line));
        while (lines.size() < 1024) {
            lines.add(line);
        }
        Files.write(data, lines);
        var refused =
                run(finetune(base("n_embd", 1024, "n_layer", 24, "n_head", 16, "n_positions", 512), "--batch-size",
                        "1024"));
        assertThat(refused.exit()).isEqualTo(1);
        assertThat(refused.complaint()).startsWith("lorikeet: lora needs ")
                .containsPattern("what would fit: --batch-size [1-9]\\d*");
    }
}
