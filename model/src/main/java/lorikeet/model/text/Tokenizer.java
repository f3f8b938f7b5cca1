package lorikeet.model.text;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import lorikeet.engine.Printable;
import lorikeet.engine.WholeFile;

/**
 * Text to tokens and back, by the rules of a Hugging Face {@code tokenizer.json}, which the library of the same name
 * carries out. Special tokens are never added, but are recognised when the text spells them out. Encoding and decoding
 * may run on several threads at once.
 */
public final class Tokenizer implements AutoCloseable {
    private static final List<String> ENDS_OF_TEXT = List.of(
            BpeVocabulary.END_OF_TEXT, "<|end_of_text|>", "</s>", "<eos>");

    /** Several times as much as the largest vocabularies take. */
    private static final int MAX_BYTES = 256 << 20;

    /** Texts that the library holds at once: for each of their tokens it keeps some 100 bytes. */
    private static final int AT_ONCE = 4096;

    private final int vocabularySize;
    private final int endOfText;
    private long handle;

    private Tokenizer(long handle, int vocabularySize, int endOfText) {
        this.handle = handle;
        this.vocabularySize = vocabularySize;
        this.endOfText = endOfText;
    }

    /**
     * Opens a {@code tokenizer.json} that has one of the usual end-of-text tokens.
     *
     * @throws IOException if the file cannot be read or is no tokenizer
     */
    public static Tokenizer open(Path file) throws IOException {
        return open(file, -1);
    }

    /**
     * Opens a {@code tokenizer.json}.
     *
     * @param endOfText the id of the end-of-text token (eos_token_id in config.json); −1 to look for a usual one
     * @throws IOException if the file cannot be read or is no tokenizer
     */
    public static Tokenizer open(Path file, int endOfText) throws IOException {
        String json;
        JsonNode root;
        try {
            var bytes = ByteBuffer.wrap(WholeFile.read(file, MAX_BYTES));
            json = StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
            root = new ObjectMapper().readTree(json);
        } catch (JsonProcessingException e) {
            throw new IOException(file + ": not JSON: " + e.getOriginalMessage(), e);
        } catch (CharacterCodingException e) {
            throw new IOException(file + ": not UTF-8 text", e);
        }
        int size = vocabularySize(root);
        if (size == 0) {
            throw new IOException(file + ": no vocabulary in it (model.vocab)");
        }
        int end = endOfText >= 0 ? endOfText : findEndOfText(root);
        if (end < 0 || end >= size) {
            throw new IOException(file + (end < 0
                    ? ": no end-of-text token among its added tokens, such as " + BpeVocabulary.END_OF_TEXT
                    : ": end-of-text is token " + end + ", but there are only " + size + " tokens"));
        }
        var library = NativeTokenizers.library();
        long handle;
        try {
            handle = library.createTokenizerFromString(json);
        } catch (RuntimeException e) {
            throw new IOException(file + ": not a tokenizer: " + Printable.line(e.getMessage()), e);
        }
        library.disablePadding(handle); // the file may ask for both
        library.disableTruncation(handle);
        return new Tokenizer(handle, size, end);
    }

    private static int vocabularySize(JsonNode root) {
        var vocabulary = root.path("model").path("vocab");
        int size = vocabulary.isArray() ? vocabulary.size() : 0; // Unigram lists pairs, the others map token to id
        if (vocabulary.isObject()) {
            for (var id : vocabulary) {
                size = Math.max(size, id.asInt() + 1);
            }
        }
        for (var added : root.path("added_tokens")) {
            size = Math.max(size, added.path("id").asInt() + 1);
        }
        return size;
    }

    private static int findEndOfText(JsonNode root) {
        for (var name : ENDS_OF_TEXT) {
            for (var added : root.path("added_tokens")) {
                if (added.path("content").asText().equals(name)) {
                    return added.path("id").asInt();
                }
            }
        }
        return -1;
    }

    /** One more than the largest token id. A model may have more rows than that, unused ones. */
    public int vocabularySize() {
        return vocabularySize;
    }

    /** The id of the token that ends a text. */
    public int endOfText() {
        return endOfText;
    }

    /** The tokens of a text. Half a surrogate pair, which no UTF-8 text can hold, becomes U+FFFD, three times. */
    public int[] encode(String text) {
        var library = library();
        return ids(library, library.encode(handle, text, false));
    }

    /** The tokens of many texts, made on all cores. */
    public int[][] encode(List<String> texts) {
        var library = library();
        var ids = new int[texts.size()][];
        for (int from = 0; from < ids.length; from += AT_ONCE) {
            var some = texts.subList(from, Math.min(from + AT_ONCE, ids.length)).toArray(String[]::new);
            var encodings = library.batchEncode(handle, some, false);
            for (int i = 0; i < encodings.length; i++) {
                ids[from + i] = ids(library, encodings[i]);
            }
        }
        return ids;
    }

    private static int[] ids(TokenizersLibrary library, long encoding) {
        try {
            return Arrays.stream(library.getTokenIds(encoding)).mapToInt(Math::toIntExact).toArray();
        } finally {
            library.deleteEncoding(encoding);
        }
    }

    /**
     * The text of tokens, special ones spelt out. Bytes that are no UTF-8 become U+FFFD; tokens that the vocabulary does not
     * have, such as rows with which a model's is padded, have no text.
     */
    public String decode(int... ids) {
        var known = Arrays.stream(ids).filter(id -> id >= 0 && id < vocabularySize).asLongStream().toArray();
        return library().decode(handle, known, false);
    }

    /** Decodes tokens as they are generated. */
    public TextStream stream() {
        return new TextStream(this);
    }

    private TokenizersLibrary library() {
        if (handle == 0) {
            throw new IllegalStateException("this tokenizer is closed");
        }
        return NativeTokenizers.library();
    }

    /** Frees the native memory. Must not run beside another call. */
    @Override
    public void close() {
        if (handle != 0) {
            NativeTokenizers.library().deleteTokenizer(handle);
            handle = 0;
        }
    }
}
