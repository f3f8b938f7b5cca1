package lorikeet.model.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import lorikeet.model.text.BpeTrainer;
import lorikeet.model.text.Tokenizer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class JsonLinesTest {
    private static final int VOCABULARY = 260;

    @TempDir
    static Path folder;
    static Tokenizer tokenizer;

    @BeforeAll
    static void open() throws IOException {
        BpeTrainer.train(List.of("abababab"), VOCABULARY).write(folder.resolve("tokenizer.json")); // ab, abab
        tokenizer = Tokenizer.open(folder.resolve("tokenizer.json"));
    }

    @AfterAll
    static void close() {
        tokenizer.close();
    }

    private static List<Example> read(String content) throws IOException {
        return read(content.getBytes(StandardCharsets.UTF_8), tokenizer);
    }

    private static List<Example> read(byte[] content, Tokenizer tokenizer) throws IOException {
        var file = Files.write(folder.resolve("data.jsonl"), content);
        return JsonLines.read(file, tokenizer, VOCABULARY);
    }

    /** The text of the tokens, with those to be predicted in brackets. */
    private static String shown(Example example) {
        var shown = new StringBuilder();
        for (int t = 0; t < example.length(); t++) {
            var text = tokenizer.decode(example.ids()[t]);
            shown.append(example.labels()[t] < 0 ? text : "[" + text + "]");
            assertThat(example.labels()[t]).isIn(-100, example.ids()[t]);
        }
        return shown.toString();
    }

    @Test
    void joinsPromptAndCompletionButTokenisesThemApart() throws IOException {
        var example = read("{\"prompt\":\"xa\",\"completion\":\"b\"}").getFirst();
        assertThat(shown(example)).isEqualTo("xa[b][<|endoftext|>]");
        assertThat(tokenizer.encode("xab")).hasSize(2); // "ab" is one token; across the border it is not made
        assertThat(example.ids()).hasSize(4);
        assertThat(example.prompt()).containsExactly(tokenizer.encode("xa"));
        assertThat(example.completion()).containsExactly(tokenizer.encode("b")[0], tokenizer.endOfText());
        assertThat(shown(read("{\"completion\":\"b\",\"prompt\":\"\",\"id\":7}").getFirst()))
                .isEqualTo("[b][<|endoftext|>]");
    }

    @Test
    void predictsAllOfAText() throws IOException {
        assertThat(shown(read("{\"text\":\"xab\"}").getFirst())).isEqualTo("[x][ab][<|endoftext|>]");
        assertThat(shown(read("{\"text\":\"\\u00e9\"}").getFirst())).hasSizeGreaterThan(10);
    }

    @Test
    void predictsTheAssistantsTurns() throws IOException {
        var example = read("""
                {"messages":[{"role":"system","content":"S"},{"role":"user","content":"x"},\
                {"role":"assistant","content":"y"},{"role":"user","content":"z"},\
                {"role":"assistant","content":"w"},{"role":"user","content":"bye"}]}""").getFirst();
        assertThat(shown(example))
                .isEqualTo("S\n\nUser: x\nAssistant:[ ][y][<|endoftext|>]User: z\nAssistant:[ ][w][<|endoftext|>]");
        assertThat(tokenizer.decode(example.prompt())).endsWith("y<|endoftext|>User: z\nAssistant:");
        assertThat(tokenizer.decode(example.completion())).isEqualTo(" w<|endoftext|>");
    }

    @Test
    void takesTokensAsTheyAreAndCutsPaddingOff() throws IOException {
        var examples = read("""
                {"input_ids":[1,2,3],"labels":[-100,2,3]}
                {"input_ids":[1,2,0,0],"labels":[1,2,-100,-100],"attention_mask":[1,1,0,0]}

                {"labels":[-100,-100,5,6,-100],"attention_mask":[0,0,1,1,0],"input_ids":[0,0,5,6,0]}
                """);
        assertThat(examples).usingRecursiveComparison().isEqualTo(List.of(
                new Example(new int[] {1, 2, 3}, new int[] {-100, 2, 3}, 0, 3),
                new Example(new int[] {1, 2}, new int[] {1, 2}, 0, 4),
                new Example(new int[] {5, 6}, new int[] {5, 6}, 2, 5)));
    }

    @Test
    void keepsTheOrderOfMixedLines() throws IOException {
        var examples = read("""
                {"text":"a"}
                {"input_ids":[7],"labels":[7]}
                {"prompt":"b","completion":"c"}
                """);
        assertThat(examples).extracting(JsonLinesTest::shown)
                .containsExactly("[a][<|endoftext|>]", "[" + tokenizer.decode(7) + "]", "b[c][<|endoftext|>]");
    }

    @Test
    void readsTokensWithoutATokenizer() throws IOException {
        assertThat(read("{\"input_ids\":[1,2],\"labels\":[1,2]}".getBytes(), null)).hasSize(1);
        assertThatThrownBy(() -> read("{\"text\":\"a\"}".getBytes(), null))
                .hasMessageEndingWith(
                        "data.jsonl:1: the base has no tokenizer.json, so only lines with input_ids and labels"
                                + " can be used");
    }

    @Test
    void toleratesWindowsLineEndsAndAByteOrderMark() throws IOException {
        assertThat(read("\uFEFF{\"text\":\"a\"}\r\n\r\n{\"text\":\"b\"}\r\n")).extracting(JsonLinesTest::shown)
                .containsExactly("[a][<|endoftext|>]", "[b][<|endoftext|>]");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            {"text":"a"                          | not JSON: Unexpected end-of-input
            {"text":"a"} {"text":"b"}            | not JSON: Trailing token
            {"text":"a","text":"b"}              | not JSON: Duplicate field 'text'
            [1,2]                                | expected a JSON object
            {"txt":"a"}                          | found [txt]
            {}                                   | found []
            {"prompt":"a"}                       | no "completion" beside [prompt]
            {"prompt":"a","completion":""}       | "completion" is empty
            {"prompt":["a"],"completion":"b"}    | "prompt" must be a string
            {"prompt":"a","completion":"b","text":"c"} | which is meant: prompt or text?
            {"text":""}                          | "text" is empty
            {"text":null}                        | "text" must be a string
            {"messages":"a"}                     | messages must be a list
            {"messages":[]}                      | no message of the assistant's
            {"messages":["a"]}                   | must be an object with role and content
            {"messages":[{"role":"user"}]}       | no "content" beside [role]
            {"messages":[{"role":"user","content":"a"}]} | no message of the assistant's
            {"messages":[{"role":"robot","content":"a"}]} | role "robot" is none of system, user and assistant
            {"messages":[{"role":"user","content":[1]}]} | "content" must be a string
            {"input_ids":[1]}                    | no "labels" beside [input_ids]
            {"input_ids":[],"labels":[]}         | input_ids is empty
            {"input_ids":3,"labels":[3]}         | "input_ids" must be a list of integers
            {"input_ids":[1.5],"labels":[1]}     | input_ids[0] is not an integer
            {"input_ids":[1],"labels":[99999999999]} | labels[0] is not an integer
            {"input_ids":[1,2],"labels":[1]}     | 1 labels for 2 input_ids
            {"input_ids":[1,260],"labels":[1,2]} | input_ids[1] is 260, but the vocabulary has 260 tokens
            {"input_ids":[-1],"labels":[1]}      | input_ids[0] is -1
            {"input_ids":[1],"labels":[-1]}      | labels[0] is -1, neither -100 nor
            {"input_ids":[1],"labels":[260]}     | labels[0] is 260, neither -100 nor
            {"input_ids":[1],"labels":[1],"attention_mask":[1,1]} | attention_mask has 2 numbers for 1 input_ids
            {"input_ids":[1],"labels":[1],"attention_mask":[2]} | attention_mask[0] is 2, neither 0 nor 1
            {"input_ids":[1],"labels":[-100],"attention_mask":[0]} | attention_mask is 0 throughout
            {"input_ids":[1,2,3],"labels":[1,-100,3],"attention_mask":[1,0,1]} | attention_mask[1] is 0 between ones
            {"input_ids":[1,2],"labels":[1,2],"attention_mask":[1,0]} | labels[1] is 2, but attention_mask says padding
            """)
    void saysWhatIsWrongAndWhere(String line, String message) {
        assertThatThrownBy(() -> read("{\"text\":\"a\"}\n\n" + line + "\n")).isInstanceOf(IOException.class)
                .hasMessageContaining(folder.resolve("data.jsonl") + ":3: ").hasMessageContaining(message);
    }

    @Test
    void refusesTextsOfTokensThatTheModelLacks() throws IOException {
        var file = Files.writeString(folder.resolve("data.jsonl"),
                "{\"text\":\"x\"}\n\n{\"prompt\":\"x\",\"completion\":\"ab\"}\n");
        int ab = tokenizer.encode("ab")[0];
        assertThatThrownBy(() -> JsonLines.read(file, tokenizer, ab)).isInstanceOf(IOException.class)
                .hasMessage(file + ":1: token 1 is " + tokenizer.endOfText() + ", but the vocabulary has " + ab
                        + " tokens");
        assertThatThrownBy(() -> JsonLines.read(Files.writeString(file, "\n{\"prompt\":\"x\",\"completion\":\"y\"}"),
                tokenizer, ab)).hasMessageContaining("data.jsonl:2: token 2 is ");
        assertThat(JsonLines.read(file, tokenizer, VOCABULARY)).hasSize(1);
    }

    @Test
    void refusesWhatIsNoText() {
        assertThatThrownBy(() -> read(new byte[] {'{', '}', '\n', (byte) 0xC3, '\n'}, tokenizer))
                .hasMessageContaining("data.jsonl:1: expected the keys");
        assertThatThrownBy(() -> read(new byte[] {'\n', (byte) 0xC3, '\n'}, tokenizer))
                .hasMessageEndingWith("data.jsonl:2: not UTF-8 text");
        assertThatThrownBy(() -> read("")).hasMessageEndingWith("data.jsonl: no examples in it");
        assertThatThrownBy(() -> read("\n \n")).hasMessageEndingWith("data.jsonl: no examples in it");
        assertThatThrownBy(() -> read(new byte[Lines.LONGEST + 1], tokenizer))
                .hasMessageEndingWith("data.jsonl:1: the line is longer than 16 MiB");
        assertThatThrownBy(() -> JsonLines.read(folder.resolve("absent.jsonl"), tokenizer, VOCABULARY))
                .isInstanceOf(IOException.class).hasMessageContaining("absent.jsonl");
    }
}
