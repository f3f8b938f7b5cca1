package lorikeet.test;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** The transcript in docs/shell.md: what is typed there gives what is printed there. */
class ShellTest {
    private static final Path DOCUMENT = Path.of("..", "docs", "shell.md");
    private static final String PROMPT = "jshell> ";

    private static List<String> transcript() throws IOException {
        var lines = new ArrayList<String>();
        boolean inside = false;
        for (var line : Files.readAllLines(DOCUMENT)) {
            if (line.startsWith("```")) {
                inside = line.equals("```jshell");
            } else if (inside) {
                lines.add(line);
            }
        }
        return lines;
    }

    @Test
    void theTranscriptIsWhatTheShellSays() throws IOException {
        var expected = transcript();
        var typed =
                expected.stream().filter(line -> line.startsWith(PROMPT)).map(line -> line.substring(PROMPT.length()))
                        .toList();
        assertThat(typed).hasSizeGreaterThan(8);
        var in = System.in;
        System.setIn(new ByteArrayInputStream(
                typed.stream().map(line -> line + "\n").collect(Collectors.joining())
                        .getBytes(StandardCharsets.UTF_8)));
        try {
            var said = CommandRun.done("shell").out().replace("\r", "");
            assertThat(said).contains("everything is imported", "Devices.open", PROMPT);
            assertThat(said.substring(said.indexOf(PROMPT))).matches(expected.stream()
                    .map(line -> Pattern.quote(line).replace("…", "\\E.*\\Q")).collect(Collectors.joining("\n"))
                    + "\n*");
        } finally {
            System.setIn(in);
        }
    }
}
