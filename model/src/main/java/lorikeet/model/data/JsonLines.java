package lorikeet.model.data;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import lorikeet.engine.Printable;
import lorikeet.kernels.Device;
import lorikeet.model.text.Tokenizer;

/**
 * Reads examples from a file of JSON objects, one a line, each in one of four forms told by its keys; other keys are
 * ignored.
 *
 * <pre>
 * {"prompt": "2 + 2 =", "completion": " 4"}                         the completion is to be predicted
 * {"text": "All of this."}                                          everything is
 * {"messages": [{"role": "user", "content": "Hi"}, …]}              the assistant's turns are
 * {"input_ids": [3, 1, 4], "labels": [-100, 1, 4], "attention_mask": [1, 1, 1]}   already tokens; the mask is optional
 * </pre>
 */
public final class JsonLines {
    private static final JsonMapper MAPPER = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION).build();
    private static final List<String> FORMS = List.of("prompt", "text", "messages", "input_ids");

    private final Tokenizer tokenizer;
    private final int vocabularySize;

    private JsonLines(Tokenizer tokenizer, int vocabularySize) {
        this.tokenizer = tokenizer;
        this.vocabularySize = vocabularySize;
    }

    /** A line, read: text that is still to be tokenised, or tokens; the other is null. */
    private record Row(int line, TextExample text, Example tokens) {
    }

    /**
     * All examples of a file, one for each line that is not blank, in its order and at full length.
     *
     * @param tokenizer      null where the base has none; then only lines of tokens can be read
     * @param vocabularySize that of the model, which tokens must keep to
     * @throws IOException with file and line, if a line is not as above
     */
    public static List<Example> read(Path file, Tokenizer tokenizer, int vocabularySize) throws IOException {
        var rows = new JsonLines(tokenizer, vocabularySize).rows(file);
        var texts = rows.stream().map(Row::text).filter(text -> text != null).toList();
        var encoded = texts.isEmpty() ? List.<Example>of().iterator() : TextExample.encode(texts, tokenizer).iterator();
        var examples = new ArrayList<Example>(rows.size());
        for (var row : rows) {
            examples.add(row.tokens == null ? encoded.next() : row.tokens);
            requireTokens(examples.getLast().ids(), vocabularySize, file, row.line);
        }
        return examples;
    }

    /** A tokenizer may have more tokens than the model. */
    private static void requireTokens(int[] ids, int vocabularySize, Path file, int line) throws IOException {
        for (int t = 0; t < ids.length; t++) {
            if (ids[t] >= vocabularySize) {
                throw new IOException("%s:%d: token %d is %d, but the vocabulary has %d tokens".formatted(file, line, t,
                        ids[t], vocabularySize));
            }
        }
    }

    private List<Row> rows(Path file) throws IOException {
        var rows = new ArrayList<Row>();
        try (var in = new BufferedInputStream(Files.newInputStream(file), 1 << 16)) {
            var lines = new Lines(in);
            try {
                for (var line = lines.next(); line != null; line = lines.next()) {
                    if (!line.isBlank()) {
                        rows.add(row(line, lines.number()));
                    }
                }
            } catch (JsonProcessingException e) {
                var place = e.getLocation() == null ? "" : " (column " + e.getLocation().getColumnNr() + ")";
                throw new IOException(file + ":" + lines.number() + ": not JSON: "
                        + Printable.line(e.getOriginalMessage()) + place, e);
            } catch (IllegalArgumentException | IOException e) {
                throw new IOException(file + ":" + lines.number() + ": " + Printable.line(e.getMessage()), e);
            }
        }
        if (rows.isEmpty()) {
            throw new IOException(file + ": no examples in it");
        }
        return rows;
    }

    private Row row(String line, int number) throws JsonProcessingException {
        var object = MAPPER.readTree(line);
        check(object.isObject(), "expected a JSON object {…}");
        var forms = FORMS.stream().filter(object::has).toList();
        check(forms.size() < 2, "which is meant: %s?", String.join(" or ", forms));
        var form = forms.isEmpty() ? "" : forms.getFirst();
        check(tokenizer != null || form.isEmpty() || form.equals("input_ids"),
                "the base has no tokenizer.json, so only lines with input_ids and labels can be used");
        return switch (form) {
            case "prompt" -> new Row(number, TextExample.completion(string(object, "prompt"),
                    filled(string(object, "completion"), "completion")), null);
            case "text" -> new Row(number, TextExample.text(filled(string(object, "text"), "text")), null);
            case "messages" -> new Row(number, conversation(object.get("messages")), null);
            case "input_ids" -> new Row(number, null, tokens(object));
            default ->
                throw new IllegalArgumentException("expected the keys prompt and completion, or text, or messages,"
                        + " or input_ids and labels; found " + keys(object));
        };
    }

    private static TextExample conversation(JsonNode messages) {
        check(messages.isArray(), "messages must be a list");
        var conversation = new Conversation();
        for (var message : messages) {
            check(message.isObject(), "each of the messages must be an object with role and content");
            conversation.add(string(message, "role"), filled(string(message, "content"), "content"));
        }
        var example = conversation.upToLastAnswer();
        check(!example.pieces().isEmpty(), "no message of the assistant's, so there is nothing to learn");
        return example;
    }

    private Example tokens(JsonNode object) {
        var ids = integers(object, "input_ids");
        var labels = integers(object, "labels");
        int length = ids.length;
        check(length > 0, "input_ids is empty");
        check(labels.length == length, "%d labels for %d input_ids", labels.length, length);
        for (int t = 0; t < length; t++) {
            check(ids[t] >= 0 && ids[t] < vocabularySize, "input_ids[%d] is %d, but the vocabulary has %d tokens",
                    t, ids[t], vocabularySize);
            check(labels[t] == Device.IGNORED_LABEL || labels[t] >= 0 && labels[t] < vocabularySize,
                    "labels[%d] is %d, neither %d nor one of the vocabulary's %d tokens",
                    t, labels[t], Device.IGNORED_LABEL, vocabularySize);
        }
        var mask = object.has("attention_mask") ? integers(object, "attention_mask") : ones(length);
        check(mask.length == length, "attention_mask has %d numbers for %d input_ids", mask.length, length);
        int from = 0;
        int to = length;
        while (from < length && mask[from] == 0) {
            from++;
        }
        while (to > from && mask[to - 1] == 0) {
            to--;
        }
        check(from < to, "attention_mask is 0 throughout");
        for (int t = 0; t < length; t++) {
            boolean inside = t >= from && t < to;
            check(mask[t] == 0 || mask[t] == 1, "attention_mask[%d] is %d, neither 0 nor 1", t, mask[t]);
            check(!inside || mask[t] == 1, "attention_mask[%d] is 0 between ones: only padding at the ends is possible",
                    t);
            check(inside || labels[t] == Device.IGNORED_LABEL,
                    "labels[%d] is %d, but attention_mask says padding: mask it with %d",
                    t, labels[t], Device.IGNORED_LABEL);
        }
        return new Example(Arrays.copyOfRange(ids, from, to), Arrays.copyOfRange(labels, from, to), from, length);
    }

    private static int[] ones(int length) {
        var ones = new int[length];
        Arrays.fill(ones, 1);
        return ones;
    }

    private static JsonNode field(JsonNode object, String key) {
        var value = object.get(key);
        if (value == null) { // keys are listed only then: lines are many
            throw new IllegalArgumentException("no \"%s\" beside %s".formatted(key, keys(object)));
        }
        return value;
    }

    private static String string(JsonNode object, String key) {
        var value = field(object, key);
        check(value.isTextual(), "\"%s\" must be a string", key);
        return value.asText();
    }

    private static String filled(String text, String key) {
        check(!text.isEmpty(), "\"%s\" is empty", key);
        return text;
    }

    private static int[] integers(JsonNode object, String key) {
        var list = field(object, key);
        check(list.isArray(), "\"%s\" must be a list of integers", key);
        var integers = new int[list.size()];
        for (int i = 0; i < integers.length; i++) {
            check(list.get(i).isIntegralNumber() && list.get(i).canConvertToInt(), "%s[%d] is not an integer", key, i);
            integers[i] = list.get(i).intValue();
        }
        return integers;
    }

    private static List<String> keys(JsonNode object) {
        var keys = new ArrayList<String>();
        object.fieldNames().forEachRemaining(keys::add);
        return keys;
    }

    private static void check(boolean right, String message, Object... arguments) {
        if (!right) {
            throw new IllegalArgumentException(message.formatted(arguments));
        }
    }
}
