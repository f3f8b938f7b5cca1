package lorikeet.test;

import static lorikeet.test.CommandRun.done;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The same command gives the same bits, on one thread or two: losses, adapter, text. In the precision that is usual. */
class SamenessTest {
    @TempDir
    private Path folder;

    private RunFolder finetune(String name, int threads) throws IOException {
        var data = Files.write(folder.resolve("data.jsonl"), IntStream.range(0, 12).mapToObj(
                i -> "{\"prompt\": \"Parrot %d says \", \"completion\": \"%s\"}".formatted(i,
                        "lori ".repeat(i % 4 + 1)))
                .toList()).toString();
        var out = new RunFolder(folder.resolve(name));
        done("finetune", "--data", data, "--eval-data", data, "--batch-size", "8", "--steps", "3", "--save-every", "2",
                "--dropout", "0.1", "--quiet", "--threads", "" + threads, "--out", out.path().toString());
        return out;
    }

    private static String generate(RunFolder adapter, int threads) {
        return done("generate", "--adapter", adapter.path().toString(), "--max-tokens", "20", "--temperature", "0.9",
                "--seed", "7", "--threads", "" + threads, "A parrot is").out();
    }

    @Test
    void aCommandRepeatedGivesTheSameBits() throws IOException {
        var first = finetune("first", 2);
        finetune("again", 2).requireSameAs(first);
        var alone = finetune("alone", 1);
        alone.requireSameAs(first);
        assertThat(generate(first, 2)).hasSizeGreaterThan(10).isEqualTo(generate(first, 2))
                .isEqualTo(generate(alone, 1));
    }
}
