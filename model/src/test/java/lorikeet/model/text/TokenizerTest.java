package lorikeet.model.text;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TokenizerTest {
    private static final List<String> TEXTS = List.of("the cat sat on the mat; the other cat didn't",
            "ein Vögelchen 123",
            "Γειά σου Κόσμε", "猫が好き", "🙂🙂 👩‍👩‍👧", "  two   spaces \n\n\ttab ", "we'll, they'd, I'M", "ﬁ ½ ² Ⅷ");

    private static final String NETWORK =
            "java\\.net\\.(Socket|Inet|Datagram|Http).*|sun\\.net\\.www\\.protocol\\.http.*"
                    + "|sun\\.nio\\.ch\\.(Net|NioSocketImpl)"
                    + "|ai\\.djl\\.(?!huggingface\\.tokenizers\\.jni\\.TokenizersLibrary).*";

    @TempDir
    static Path folder;
    static BpeVocabulary vocabulary;
    static Tokenizer tokenizer;

    @BeforeAll
    static void open() throws IOException {
        vocabulary = BpeTrainer.train(IntStream.range(0, 3).boxed().flatMap(i -> TEXTS.stream()).toList(), 320);
        vocabulary.write(folder.resolve("tokenizer.json"));
        tokenizer = Tokenizer.open(folder.resolve("tokenizer.json"));
    }

    @AfterAll
    static void close() {
        tokenizer.close();
    }

    @Test
    void agreesWithTheDefinitionOfBpe() {
        for (var text : TEXTS) {
            assertThat(tokenizer.encode(text)).as(text).isEqualTo(NaiveBpe.encode(vocabulary, text)).isNotEmpty();
        }
        for (int seed = 0; seed < 200; seed++) {
            var text = randomText(new Random(seed));
            assertThat(tokenizer.encode(text)).as("seed %d", seed).isEqualTo(NaiveBpe.encode(vocabulary, text));
        }
    }

    @Test
    void givesAnyTextBack() {
        for (int seed = 0; seed < 300; seed++) {
            var text = randomText(new Random(seed));
            assertThat(tokenizer.decode(tokenizer.encode(text))).as("seed %d", seed).isEqualTo(text);
        }
        assertThat(tokenizer.encode("")).isEmpty();
        assertThat(tokenizer.decode()).isEmpty();
    }

    @Test
    void survivesHalfSurrogatePairsAndZeros() {
        assertThat(tokenizer.decode(tokenizer.encode("a\uD83D b\uDE42")))
                .isEqualTo("a" + "\uFFFD".repeat(3) + " b" + "\uFFFD".repeat(3));
        assertThat(tokenizer.decode(tokenizer.encode("a\0b"))).isEqualTo("a\0b");
    }

    @Test
    void encodesManyTextsAsOneByOne() {
        assertThat(tokenizer.encode(TEXTS)).isDeepEqualTo(TEXTS.stream().map(tokenizer::encode).toArray(int[][]::new));
        assertThat(tokenizer.encode(List.of())).isEmpty();
        var many = IntStream.range(0, 10_000).mapToObj(i -> "the cat " + i).toList();
        var ids = tokenizer.encode(many);
        assertThat(IntStream.range(0, 10_000).allMatch(i -> tokenizer.decode(ids[i]).equals(many.get(i)))).isTrue();
    }

    @Test
    void knowsItsVocabularyAndItsEnd() {
        assertThat(tokenizer.vocabularySize()).isEqualTo(vocabulary.size());
        assertThat(tokenizer.endOfText()).isEqualTo(vocabulary.size() - 1);
        assertThat(tokenizer.encode("the<|endoftext|>the")).contains(tokenizer.endOfText());
        assertThat(tokenizer.decode(tokenizer.endOfText())).isEqualTo("<|endoftext|>");
        assertThat(tokenizer.decode(vocabulary.size(), tokenizer.encode("a")[0], -1)).isEqualTo("a");
    }

    @Test
    void streamsWholeCharacters() {
        for (var text : TEXTS) {
            var bytewise = text.getBytes(UTF_8);
            var ids = new int[bytewise.length]; // one token per byte: no character but ASCII is whole after one
            for (int i = 0; i < ids.length; i++) {
                ids[i] = NaiveBpe.encode(new BpeVocabulary(vocabulary.tokens(), List.of()), text)[i];
            }
            for (var tokens : List.of(ids, tokenizer.encode(text))) {
                var stream = tokenizer.stream();
                var parts = Arrays.stream(tokens).mapToObj(stream::next).toList();
                assertThat(parts).noneMatch(part -> part.contains("\uFFFD"));
                assertThat(String.join("", parts)).isEqualTo(text);
                assertThat(stream.end()).isEmpty();
            }
        }
    }

    @Test
    void streamsWhatNeverBecomesACharacter() {
        var smile = tokenizer.encode("🙂")[0];
        var broken = NaiveBpe.encode(new BpeVocabulary(vocabulary.tokens(), List.of()), "🙂");
        assertThat(smile).isGreaterThan(255);
        var stream = tokenizer.stream();
        assertThat(stream.next(broken[0])).isEmpty();
        assertThat(stream.next(broken[1])).isEmpty();
        assertThat(stream.next(tokenizer.encode("a")[0])).isEqualTo("\uFFFDa");
        assertThat(stream.next(broken[0])).isEmpty();
        assertThat(stream.end()).isEqualTo("\uFFFD");
        assertThat(stream.end()).isEmpty();
    }

    @Test
    void ignoresTruncationAndPaddingThatTheFileAsksFor() throws IOException {
        var file = folder.resolve("truncating.json");
        Files.writeString(file, vocabulary.toJson()
                .replace("\"truncation\" : null", "\"truncation\" : {\"direction\":\"Right\",\"max_length\":4,"
                        + "\"strategy\":\"LongestFirst\",\"stride\":0}")
                .replace("\"padding\" : null", "\"padding\" : {\"strategy\":{\"Fixed\":64},\"direction\":\"Right\","
                        + "\"pad_to_multiple_of\":null,\"pad_id\":0,\"pad_type_id\":0,\"pad_token\":\"!\"}"));
        try (var other = Tokenizer.open(file)) {
            assertThat(Files.readString(file)).contains("max_length", "Fixed");
            assertThat(other.encode(TEXTS.getFirst())).isEqualTo(tokenizer.encode(TEXTS.getFirst())).hasSizeBetween(5,
                    63);
        }
    }

    @Test
    void readsOtherKindsOfTokenizers() throws IOException {
        var file = folder.resolve("words.json");
        Files.writeString(file, """
                {"version":"1.0","added_tokens":[{"id":7,"content":"</s>","single_word":false,"lstrip":false,
                "rstrip":false,"normalized":false,"special":true}],"pre_tokenizer":{"type":"Whitespace"},
                "model":{"type":"WordLevel","vocab":{"[UNK]":0,"the":1,"cat":2},"unk_token":"[UNK]"}}""");
        try (var words = Tokenizer.open(file)) {
            assertThat(words.encode("the cat sat")).containsExactly(1, 2, 0);
            assertThat(words.vocabularySize()).isEqualTo(8);
            assertThat(words.endOfText()).isEqualTo(7);
            var stream = words.stream();
            assertThat(stream.next(1) + stream.next(2) + stream.end()).isEqualTo("the cat");
        }
    }

    @Test
    void saysWhatIsWrongWithAFile() throws IOException {
        var file = folder.resolve("wrong.json");
        Files.writeString(file, "{\"model\":");
        assertThatThrownBy(() -> Tokenizer.open(file)).hasMessageContaining("wrong.json: not JSON");
        Files.writeString(file, "{\"model\":{}}");
        assertThatThrownBy(() -> Tokenizer.open(file)).hasMessageContaining("wrong.json: no vocabulary");
        Files.writeString(file, vocabulary.toJson().replace("<|endoftext|>", "<|other|>"));
        assertThatThrownBy(() -> Tokenizer.open(file)).hasMessageContaining("wrong.json: no end-of-text token");
        Tokenizer.open(file, 3).close();
        assertThatThrownBy(() -> Tokenizer.open(file, 320)).hasMessageContaining("there are only 320 tokens");
        Files.writeString(file, vocabulary.toJson().replace("\"type\" : \"BPE\"", "\"type\" : \"XYZ\""));
        assertThatThrownBy(() -> Tokenizer.open(file)).isInstanceOf(IOException.class)
                .hasMessageContaining("wrong.json: not a tokenizer");
        assertThatThrownBy(() -> Tokenizer.open(folder.resolve("absent.json"))).isInstanceOf(IOException.class);
    }

    @Test
    void isOfNoUseOnceClosed() throws IOException {
        var closed = Tokenizer.open(folder.resolve("tokenizer.json"));
        closed.close();
        closed.close();
        assertThatThrownBy(() -> closed.encode("a")).hasMessageContaining("closed");
        assertThatThrownBy(() -> closed.decode(1)).hasMessageContaining("closed");
    }

    /** Each time, in an exception whose message is all that a user need see. */
    @Test
    void saysWhereThereIsNoLibrary() throws Exception {
        var process = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED", "-Dos.arch=abacus", "-cp", System.getProperty("java.class.path"),
                OtherProcess.class.getName(), "fail", folder.resolve("tokenizer.json").toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT).start();
        var lines = new String(process.getInputStream().readAllBytes(), UTF_8).lines().toList();
        assertThat(process.waitFor()).isZero();
        assertThat(lines).hasSize(2).allMatch(line -> line.startsWith(
                "java.lang.IllegalStateException: the tokenizers library does not exist for "));
    }

    /** A JVM that has opened no socket has not even loaded the classes for it; nor those of DJL that would open one. */
    @Test
    void opensNoSocket() throws Exception {
        assertThat(classesForTheNetwork("encode")).isEmpty();
        assertThat(classesForTheNetwork("connect")).contains("java.net.Socket"); // so the method of looking works
    }

    private static List<String> classesForTheNetwork(String task) throws Exception {
        var process = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xlog:class+load:stdout", "--enable-native-access=ALL-UNNAMED", "-cp",
                System.getProperty("java.class.path"),
                OtherProcess.class.getName(), task, folder.resolve("tokenizer.json").toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT).start();
        var lines = new String(process.getInputStream().readAllBytes(), UTF_8).lines().toList();
        assertThat(process.waitFor()).isZero();
        assertThat(lines).anyMatch(line -> line.contains("ai.djl.huggingface.tokenizers.jni.TokenizersLibrary"))
                .contains("ids: " + Arrays.toString(tokenizer.encode("the cat")));
        return lines.stream().filter(line -> line.contains("[class,load]")).map(line -> line.split(" +")[1])
                .filter(name -> name
                        .matches(NETWORK))
                .toList();
    }

    static final class OtherProcess {
        public static void main(String[] arguments) throws IOException {
            if (arguments[0].equals("fail")) {
                for (int i = 0; i < 2; i++) {
                    try (var tokenizer = Tokenizer.open(Path.of(arguments[1]))) {
                        System.out.println(tokenizer);
                    } catch (Throwable e) {
                        System.out.println(e);
                    }
                }
                return;
            }
            try (var tokenizer = Tokenizer.open(Path.of(arguments[1]))) {
                System.out.println("ids: " + Arrays.toString(tokenizer.encode("the cat")));
            }
            if (arguments[0].equals("connect")) {
                try (var server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
                        var socket = new Socket(server.getInetAddress(), server.getLocalPort())) {
                    System.out.println(socket.isConnected());
                }
            }
        }
    }

    /** Letters, digits, signs and spaces of many scripts, assigned long ago: Unicode versions differ on newer ones. */
    private static String randomText(Random random) {
        var text = new StringBuilder();
        int length = random.nextInt(40);
        while (text.codePointCount(0, text.length()) < length) {
            int c = switch (random.nextInt(6)) {
                case 0 -> ' ' + random.nextInt(95);
                case 1 -> random.nextInt(0x250);
                case 2 -> 0x370 + random.nextInt(0x1C00);
                case 3 -> 0x2000 + random.nextInt(0x100);
                case 4 -> 0x4E00 + random.nextInt(0x5000);
                default -> 0x1F300 + random.nextInt(0x300);
            };
            if (Character.isDefined(c)) {
                text.appendCodePoint(c);
            }
        }
        return text.toString();
    }
}
