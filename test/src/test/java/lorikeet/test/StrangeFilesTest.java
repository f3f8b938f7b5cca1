package lorikeet.test;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import lorikeet.model.ModelConfig;
import lorikeet.model.ModelFolder;
import lorikeet.model.data.JsonLines;
import lorikeet.model.text.Tokenizer;
import lorikeet.peft.AdapterFolder;
import lorikeet.test.reference.Golden;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever is in a file, it is read, or refused with one line that names the file. */
class StrangeFilesTest {
    private static final String[] PIECES =
            {"{", "}", "[", "]", ",", ":", "\"", "\\", "-", "e9", "1e999", ".", "0", "-1",
                "2147483648", "9223372036854775808", "null", "true", "{}", "[]", "\"\"", "\\ud800", "\u00ff", "\u0000",
                "\n", " ",
                "../", "\\n", "\\u001b[2J", "((.+)+)+x", "\"gpt2\"", "[".repeat(2000), "{\"a\":".repeat(2000),
                "9".repeat(2000)};

    @TempDir
    private Path folder;

    /** Reads a file of some kind; {@code file} is the one that was changed. */
    private interface Reader {
        void read(Path file) throws IOException;
    }

    /** A kind of file, with an example that can be read. */
    private record Kind(String name, String sound, Reader reader) {
        @Override
        public String toString() {
            return name;
        }
    }

    static Stream<Kind> kinds() throws IOException {
        var base = GoldenBase.FOLDER;
        return Stream.of(new Kind("config.json", text(base.resolve("config.json")), ModelConfig::read),
                new Kind("model.safetensors.index.json",
                        """
                        {"metadata": {"total_size": 9}, "weight_map": {"a": "model-1.safetensors", "b": "m2.safetensors"}}""",
                        StrangeFilesTest::readIndex),
                adapter("lora_attn"), adapter("ia3"), adapter("prefix_proj"), adapter("ptuning_mlp"),
                new Kind("tokenizer.json", """
                        {"version": "1.0", "added_tokens": [{"id": 3, "content": "<|endoftext|>", "single_word": false,
                        "lstrip": false, "rstrip": false, "normalized": false, "special": true}], "normalizer": null,
                        "pre_tokenizer": null,
                        "post_processor": null, "decoder": null, "model": {"type": "BPE", "dropout": null,
                        "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]]}}""",
                        file -> Tokenizer.open(file).close()),
                new Kind("data.jsonl", """
                        {"input_ids": [1, 2, 3, 4], "labels": [-100, 2, 3, 4], "attention_mask": [1, 1, 1, 0]}
                        {"input_ids": [5, 6], "labels": [5, 6]}
                        """.replace("3, 4], \"att", "3, -100], \"att"), file -> JsonLines.read(file, null, 100)));
    }

    private static Kind adapter(String golden) throws IOException {
        var config = text(Golden.FOLDER.resolve(golden).resolve("adapter/adapter_config.json"));
        return new Kind("adapter_config.json", config,
                file -> VirtualTokensTest.remarks(() -> AdapterFolder.readMethod(file.getParent())));
    }

    private static String text(Path file) throws IOException {
        return Files.readString(file, ISO_8859_1);
    }

    /** Files outside of the folder are not even looked for. */
    private static void readIndex(Path index) throws IOException {
        Files.copy(GoldenBase.FOLDER.resolve("config.json"), index.resolveSibling("config.json"),
                StandardCopyOption.REPLACE_EXISTING);
        for (var file : ModelFolder.open(index.getParent()).weightFiles()) {
            assertThat(file.getParent()).isEqualTo(index.getParent());
        }
    }

    @ParameterizedTest
    @MethodSource("kinds")
    @Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void someThousand(Kind kind) throws IOException {
        read(kind, 1_000);
    }

    @Tag("long")
    @ParameterizedTest
    @MethodSource("kinds")
    @Timeout(value = 1, unit = TimeUnit.HOURS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void aHundredThousand(Kind kind) throws IOException {
        System.out.println("inputs    " + kind + ": " + read(kind, 100_000));
    }

    /** Not even in messages does a terminal get to obey what a file says. */
    @Test
    void whatATerminalWouldObeyIsSpeltOut() throws IOException {
        var data = Files.writeString(folder.resolve("data.jsonl"), "{\"a\\u001b[2J\\nlorikeet: all is well\": 1}\n");
        var refused = CommandRun.run("finetune", "--base", GoldenBase.FOLDER.toString(), "--data", data.toString(),
                "--quiet");
        assertThat(refused.complaint()).startsWith("lorikeet: " + data + ":1: ")
                .contains("[a\\u001b[2J\\u000alorikeet: all is well]");
    }

    private String read(Kind kind, int files) throws IOException {
        var file = folder.resolve(kind.name);
        kind.reader.read(Files.writeString(file, kind.sound, ISO_8859_1));
        var random = new Random(1);
        int read = 0;
        for (int i = 0; i < files; i++) {
            var text = changed(kind.sound, random);
            Files.writeString(file, text, ISO_8859_1);
            try {
                kind.reader.read(file);
                read++;
            } catch (IOException refused) {
                assertThat(refused).as(text).message().startsWith(folder.toString()).contains(kind.name)
                        .doesNotContain("\n", "\r");
            } catch (RuntimeException | Error e) {
                throw new AssertionError("file " + i + ":\n" + text, e);
            }
        }
        assertThat(read).isBetween(1, files - 1); // some changes are harmless, some are not
        return "%,d, of which %,d were read and the others refused with a line".formatted(files, read);
    }

    /** Bytes changed, pieces put in, parts doubled or cut out. */
    private static String changed(String sound, Random random) {
        var text = new StringBuilder(sound);
        for (int change = random.nextInt(1, 5); change > 0 && !text.isEmpty(); change--) {
            int from = random.nextInt(text.length());
            int to = Math.min(text.length(), from + random.nextInt(random.nextInt(8) == 0 ? 100 : 6));
            switch (random.nextInt(4)) {
                case 0 -> text.setCharAt(from, (char) random.nextInt(256));
                case 1 -> text.insert(from, text.substring(from, to));
                default -> text.replace(from, to, PIECES[random.nextInt(PIECES.length)]);
            }
        }
        return text.toString();
    }
}
