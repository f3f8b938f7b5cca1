package lorikeet.test;

import static java.nio.charset.StandardCharsets.UTF_8;
import static lorikeet.test.CommandRun.done;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import lorikeet.peft.cli.Lorikeet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is made for people at a terminal: colours and completion. */
class TerminalTest {
    private static final String ESCAPE = "\u001b[";

    @TempDir
    private Path folder;

    /** Whether these programs are there; if not, the test is reported as skipped. */
    private static void assumePrograms(String... names) {
        for (var name : names) {
            assumeThat(Stream.of(System.getenv("PATH").split(":")).map(place -> Path.of(place, name)))
                    .as(name + " on PATH").anyMatch(Files::isExecutable);
        }
    }

    private static String output(ProcessBuilder builder) throws Exception {
        var process = builder.redirectErrorStream(true).start();
        process.getOutputStream().close();
        var said = new String(process.getInputStream().readAllBytes(), UTF_8);
        process.waitFor();
        return said;
    }

    // ---- colours -----------------------------------------------------------------------------------------------------

    /** The help of a process whose input, output and errors are a terminal, which the program script makes. */
    private static String atTerminal(String variables, String arguments) throws Exception {
        assumePrograms("script", "sh", "env");
        var command = Stream
                .of("env", variables, Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "@" + Path.of("..", ".jvmflags"), "-cp", System.getProperty("java.class.path"),
                        Lorikeet.class.getName(), arguments)
                .map(word -> word.equals(variables) || word.equals(arguments) ? word : "'" + word + "'")
                .collect(Collectors.joining(" "));
        var said = output(new ProcessBuilder("script", "-qec", command, "/dev/null"));
        assertThat(said).contains("Usage");
        return said;
    }

    @Test
    void helpHasColoursAtATerminal() throws Exception {
        assertThat(atTerminal("-u NO_COLOR TERM=xterm", "help inspect")).contains(ESCAPE);
    }

    @ParameterizedTest
    @CsvSource({"NO_COLOR=1 TERM=xterm,help inspect", "-u NO_COLOR TERM=xterm,help inspect | cat"})
    void thereIsNoneWhereItIsNotWanted(String variables, String arguments) throws Exception {
        assertThat(atTerminal(variables, arguments)).doesNotContain(ESCAPE);
    }

    // ---- completion --------------------------------------------------------------------------------------------------

    private List<String> completions(String words) throws Exception {
        assumePrograms("bash");
        var script = Files.writeString(folder.resolve("completion"), done("completion").out());
        var line = words.split(" ", -1);
        return output(new ProcessBuilder("bash", "--norc", "-c", """
                compopt() { :; } # which works only while Tab is pressed
                source '%s' && complete -p lorikeet > /dev/null || exit 1
                COMP_WORDS=(%s) COMP_CWORD=%d
                _complete_lorikeet
                printf '%%s\\n' "${COMPREPLY[@]}"
                """.formatted(script, Stream.of(line).map(word -> "'" + word + "'").collect(Collectors.joining(" ")),
                line.length - 1))).lines().toList();
    }

    @Test
    void bashCompletesCommandsAndOptions() throws Exception {
        assertThat(completions("lorikeet ex")).containsExactly("explain");
        assertThat(completions("lorikeet ")).contains("finetune", "compare", "explain", "completion");
        assertThat(completions("lorikeet explain --ag")).containsExactly("--against");
        assertThat(completions("lorikeet finetune --precision ")).contains("STRICT", "FAST", "BF16");
    }

    @Test
    void theScriptSaysHowItIsInstalled() throws IOException {
        assertThat(done("help", "completion").out()).contains("~/.bashrc", "lorikeet completion > ");
    }
}
