package lorikeet.model.text;

import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * Turns tokens into text one by one. A token may hold only a part of a character, or read differently at the start of a
 * text; so each is decoded together with the tokens before it, and text is given out when its last character is whole.
 */
public final class TextStream {
    private final Tokenizer tokenizer;
    private int[] given = {}; // the tokens given out last: the context of those that wait
    private int[] waiting = {};

    TextStream(Tokenizer tokenizer) {
        this.tokenizer = tokenizer;
    }

    /** Takes the next token and returns the text that is complete now: often a word, sometimes nothing. */
    public String next(int id) {
        waiting = Arrays.copyOf(waiting, waiting.length + 1);
        waiting[waiting.length - 1] = id;
        var text = rest();
        return text.endsWith("\uFFFD") ? "" : give(text);
    }

    /** What still waits at the end of the text: bytes that never became a whole character, as U+FFFD. */
    public String end() {
        return give(rest());
    }

    private String rest() {
        var all = tokenizer.decode(IntStream.concat(Arrays.stream(given), Arrays.stream(waiting)).toArray());
        return all.substring(Math.min(all.length(), tokenizer.decode(given).length()));
    }

    private String give(String text) {
        given = waiting;
        waiting = new int[0];
        return text;
    }
}
