package lorikeet.model.text;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import lorikeet.engine.AtomicFile;

/**
 * A byte-level BPE vocabulary: the 256 characters of the byte alphabet, one token per merge, and end-of-text last.
 *
 * @param tokens the tokens in order of their ids
 * @param merges the pairs of ids that become tokens 256, 257, … in this order
 */
public record BpeVocabulary(List<String> tokens, List<Merge> merges) {
    public static final String END_OF_TEXT = "<|endoftext|>";

    /** The tokens {@code left} and {@code right}, next to each other, become one. */
    public record Merge(int left, int right) {
    }

    public BpeVocabulary {
        tokens = List.copyOf(tokens);
        merges = List.copyOf(merges);
    }

    public int size() {
        return tokens.size();
    }

    /** The id of end-of-text: the last one. */
    public int endOfText() {
        return size() - 1;
    }

    /** Writes a {@code tokenizer.json} that the Hugging Face libraries read. */
    public void write(Path file) throws IOException {
        var text = ByteBuffer.wrap(toJson().getBytes(StandardCharsets.UTF_8));
        AtomicFile.write(file, channel -> channel.write(text));
    }

    /** The text of {@code tokenizer.json}. */
    public String toJson() {
        var mapper = new ObjectMapper();
        var root = mapper.createObjectNode().put("version", "1.0").putNull("truncation").putNull("padding");
        root.putArray("added_tokens").addObject().put("id", endOfText()).put("content", END_OF_TEXT)
                .put("single_word", false).put("lstrip", false).put("rstrip", false)
                .put("normalized", false).put("special", true);
        root.putNull("normalizer");
        byteLevel(root.putObject("pre_tokenizer"));
        byteLevel(root.putObject("post_processor"));
        byteLevel(root.putObject("decoder"));
        var model = root.putObject("model").put("type", "BPE").putNull("dropout").putNull("unk_token")
                .put("continuing_subword_prefix", "").put("end_of_word_suffix", "")
                .put("fuse_unk", false).put("byte_fallback", false);
        var vocabulary = model.putObject("vocab");
        for (int id = 0; id < tokens.size(); id++) {
            vocabulary.put(tokens.get(id), id);
        }
        var pairs = model.putArray("merges"); // "a b" is read by old and new versions alike; no token holds a space
        merges.forEach(merge -> pairs.add(tokens.get(merge.left()) + " " + tokens.get(merge.right())));
        return root.toPrettyString() + "\n";
    }

    private static void byteLevel(ObjectNode part) {
        part.put("type", "ByteLevel").put("add_prefix_space", false).put("trim_offsets", true).put("use_regex", true);
    }
}
