package lorikeet.peft;

import java.util.List;
import java.util.stream.IntStream;

/**
 * A text from which virtual tokens start.
 *
 * @param text      the text
 * @param tokenizer whose tokens these are: a name or path, for people and for Hugging Face PEFT; null = the base's
 * @param tokens    its token ids; empty where only a trained adapter's description was read
 */
public record InitText(String text, String tokenizer, List<Integer> tokens) {

    public InitText {
        tokens = List.copyOf(tokens);
    }

    /**
     * As many tokens as there are virtual ones: cut off, or from the start again.
     *
     * @throws IllegalArgumentException if the text has no tokens
     */
    int[] tokens(int count) {
        if (tokens.isEmpty()) {
            throw new IllegalArgumentException("init: the text \"" + text + "\" has no tokens to start from");
        }
        return IntStream.range(0, count).map(i -> tokens.get(i % tokens.size())).toArray();
    }
}
