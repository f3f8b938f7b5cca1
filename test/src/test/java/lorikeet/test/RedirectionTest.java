package lorikeet.test;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** A terminal is there, which script(1) makes, but what is said goes into a file: without colours and moving bars. */
@EnabledOnOs(OS.LINUX)
class RedirectionTest {
    private static final String ESCAPE = "\u001b";

    @TempDir
    private Path folder;

    @BeforeEach
    void aTerminalCanBeMade() {
        assumeThat(Path.of("/usr/bin/script")).exists();
    }

    /**
     * What a terminal shows.
     *
     * @param redirection of the command's output
     */
    private String onATerminal(String redirection, String... command)
            throws IOException, InterruptedException {
        var line =
                OtherProcess.of(command).command().stream().map(word -> "'" + word + "'")
                        .collect(Collectors.joining(" "));
        var shown = folder.resolve("shown.txt").toFile();
        var builder =
                new ProcessBuilder("script", "-qec", line + " " + redirection, "/dev/null").redirectErrorStream(true)
                        .redirectOutput(shown);
        builder.environment().remove("NO_COLOR");
        builder.environment().put("TERM", "xterm");
        builder.start().waitFor();
        return Files.readString(shown.toPath(), UTF_8);
    }

    @Test
    void complaintsInAFileHaveNoColours() throws Exception {
        var file = folder.resolve("error.txt");
        assertThat(onATerminal("", "fintune")).contains("fintune", ESCAPE);
        onATerminal("2> '" + file + "'", "fintune");
        assertThat(file).content().contains("fintune").doesNotContain(ESCAPE);
    }

    @Test
    void progressInAFileIsLines() throws Exception {
        var data = CommandRun.writeGoldenBatch(folder.resolve("batch.jsonl")).toString();
        var command = new String[] {"finetune", "--base", GoldenBase.FOLDER.toString(), "--data", data, "--steps", "20",
            "--out", folder.resolve("out").toString(), "--force"};
        assertThat(onATerminal("", command)).containsPattern("training +\\d+%.*\\r *training +\\d+%");
        var file = folder.resolve("error.txt");
        onATerminal("2> '" + file + "'", command);
        assertThat(file).content().contains("training: 2 of 20, ", "training: 20 of 20, ").doesNotContain("\r");
        assertThat(Arrays.asList(Files.readString(file).split("\n"))).filteredOn(line -> line.startsWith("training: "))
                .hasSize(10);
    }
}
