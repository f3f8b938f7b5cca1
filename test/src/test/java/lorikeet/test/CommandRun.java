package lorikeet.test;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.stream.Stream;
import lorikeet.peft.cli.Lorikeet;
import lorikeet.test.reference.Golden;

/** What a command answered that ran in this process: exit code, standard output, standard error. */
record CommandRun(int exit, String out, String err) {

    static CommandRun run(String... arguments) {
        var out = System.out;
        var err = System.err;
        var said = new ByteArrayOutputStream();
        var remarked = new ByteArrayOutputStream();
        try (var newOut = new PrintStream(said, true, UTF_8); var newErr = new PrintStream(remarked, true, UTF_8)) {
            System.setOut(newOut);
            System.setErr(newErr);
            int exit = Lorikeet.run(arguments);
            return new CommandRun(exit, said.toString(UTF_8), remarked.toString(UTF_8));
        } finally {
            System.setOut(out);
            System.setErr(err);
        }
    }

    /** The same, which must succeed. */
    static CommandRun done(String... arguments) {
        var run = run(arguments);
        assertThat(run.exit).as(run.err).isZero();
        return run;
    }

    /** The one line that says what went wrong; nothing but remarks of the library stands in front of it. */
    String complaint() {
        var said = err.lines().filter(line -> !line.startsWith("INFO ") && !line.startsWith("WARN ")).toList();
        assertThat(said).as(err).hasSize(1);
        assertThat(said.getFirst()).startsWith("lorikeet: ");
        assertThat(err).endsWith(said.getFirst() + System.lineSeparator());
        return said.getFirst();
    }

    /** A command with more arguments behind it. */
    static String[] with(String[] command, String... more) {
        return Stream.concat(Stream.of(command), Stream.of(more)).toArray(String[]::new);
    }

    /** Writes the golden batch as lines of data, padding and all. */
    static Path writeGoldenBatch(Path file) throws IOException {
        var golden = Golden.batch();
        var lines = new ArrayList<String>();
        for (int s = 0; s < golden.sequences(); s++) {
            lines.add("{\"input_ids\":%s,\"labels\":%s,\"attention_mask\":%s}".formatted(
                    Arrays.toString(golden.ids()[s]), Arrays.toString(golden.labels()[s]),
                    Arrays.toString(golden.mask()[s])));
        }
        return Files.write(file, lines);
    }
}
