package lorikeet.model.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import lorikeet.kernels.Device;
import lorikeet.model.text.Tokenizer;

/**
 * A sequence before it is tokens: pieces of text, joined verbatim. Each piece is tokenised by itself, so that the border
 * between two is a border between tokens, too. Some are to be predicted: they end with end-of-text, which is to be
 * predicted with them.
 */
public record TextExample(List<Piece> pieces) {

    /** A piece, and whether it is to be predicted. */
    public record Piece(String text, boolean predicted) {
    }

    public TextExample {
        pieces = List.copyOf(pieces);
    }

    /** All of it is to be predicted. */
    public static TextExample text(String text) {
        return new TextExample(List.of(new Piece(text, true)));
    }

    /** The completion is to be predicted from the prompt. */
    public static TextExample completion(String prompt, String completion) {
        return new TextExample(List.of(new Piece(prompt, false), new Piece(completion, true)));
    }

    /** What is given, of an example made by {@link #completion}. */
    public String prompt() {
        return pieces.getFirst().text();
    }

    /** What is to be predicted, of an example made by {@link #completion}. */
    public String completion() {
        return pieces.getLast().text();
    }

    /** Tokenises many examples at once, which is several times faster than one by one. */
    public static List<Example> encode(List<TextExample> examples, Tokenizer tokenizer) {
        var texts = examples.stream().flatMap(example -> example.pieces.stream()).map(Piece::text).toList();
        var ids = tokenizer.encode(texts);
        var encoded = new ArrayList<Example>(examples.size());
        int next = 0;
        for (var example : examples) {
            int pieces = example.pieces.size();
            encoded.add(example.join(Arrays.copyOfRange(ids, next, next + pieces), tokenizer.endOfText()));
            next += pieces;
        }
        return encoded;
    }

    private Example join(int[][] parts, int endOfText) {
        int length = 0;
        for (int p = 0; p < parts.length; p++) {
            length += parts[p].length + (pieces.get(p).predicted() ? 1 : 0);
        }
        var ids = new int[length];
        var labels = new int[length];
        int t = 0;
        for (int p = 0; p < parts.length; p++) {
            int start = t;
            System.arraycopy(parts[p], 0, ids, t, parts[p].length);
            t += parts[p].length;
            if (pieces.get(p).predicted()) {
                ids[t++] = endOfText;
                System.arraycopy(ids, start, labels, start, t - start);
            } else {
                Arrays.fill(labels, start, t, Device.IGNORED_LABEL);
            }
        }
        return new Example(ids, labels);
    }
}
