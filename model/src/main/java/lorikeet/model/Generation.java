package lorikeet.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntConsumer;
import lorikeet.model.data.Sequences;

/** Continuing texts token by token, with a cache of keys and values. */
public final class Generation {
    private Generation() {}

    /**
     * Continues one text.
     *
     * @param prompt    token ids; at least one, unless an input prompt is plugged in
     * @param most      most new tokens; fewer where the context is full
     * @param endOfText the token that ends a text; it is not part of the result
     * @param each      is told every new token as soon as it is known
     * @return the new tokens
     */
    public static int[] continueText(Decoder decoder, int[] prompt, int most, int endOfText, Sampling sampling,
            IntConsumer each) {
        int room = decoder.shape().context() - decoder.virtualTokens() - prompt.length;
        int limit = Math.min(most, room);
        var text = new ArrayList<Integer>();
        try (var cache = decoder.cache(1, decoder.virtualTokens() + prompt.length + Math.max(0, limit))) {
            var next = prompt;
            while (text.size() < limit) {
                int token;
                try (var _ = decoder.device().memory().scope()) {
                    var hidden = decoder.hidden(Sequences.of(List.of(next)), cache);
                    var logits = decoder.logits(hidden, new int[] {hidden.shape().rows() - 1}).toArray();
                    token = sampling.choose(logits, text.size());
                }
                if (token == endOfText) {
                    break;
                }
                text.add(token);
                each.accept(token);
                next = new int[] {token};
            }
        }
        return text.stream().mapToInt(Integer::intValue).toArray();
    }

    /** Continues several texts at once, each with its likeliest tokens. */
    public static List<int[]> continueGreedily(Decoder decoder, List<int[]> prompts, int most, int endOfText) {
        int longest = prompts.stream().mapToInt(prompt -> prompt.length).max().orElse(0);
        int limit = Math.min(most, decoder.shape().context() - decoder.virtualTokens() - longest);
        int count = prompts.size();
        var texts = new ArrayList<List<Integer>>();
        prompts.forEach(_ -> texts.add(new ArrayList<>()));
        var done = new boolean[count];
        try (var cache = decoder.cache(count, decoder.virtualTokens() + longest + Math.max(0, limit))) {
            var next = prompts;
            for (int step = 0; step < limit && !allTrue(done); step++) {
                var tokens = new int[count];
                try (var _ = decoder.device().memory().scope()) {
                    var sequences = Sequences.of(next);
                    var hidden = decoder.hidden(sequences, cache);
                    var last = lastRows(sequences, hidden.shape().rows());
                    var logits = decoder.logits(hidden, last).toArray();
                    int vocabulary = decoder.shape().vocabulary();
                    for (int s = 0; s < count; s++) {
                        tokens[s] = Sampling.argmax(Arrays.copyOfRange(logits, s * vocabulary, (s + 1) * vocabulary));
                        done[s] |= tokens[s] == endOfText;
                        if (!done[s]) {
                            texts.get(s).add(tokens[s]);
                        }
                    }
                }
                // a finished text goes on with end-of-text, unseen, so that all advance together
                next = Arrays.stream(tokens).mapToObj(token -> new int[] {token}).toList();
            }
        }
        return texts.stream().map(text -> text.stream().mapToInt(Integer::intValue).toArray()).toList();
    }

    /** The row of each sequence's last token, when virtual tokens may stand in front of each. */
    static int[] lastRows(Sequences sequences, int rows) {
        int virtual = (rows - sequences.tokens()) / sequences.count();
        var last = new int[sequences.count()];
        for (int s = 0; s < last.length; s++) {
            last[s] = sequences.offsets()[s + 1] + (s + 1) * virtual - 1;
        }
        return last;
    }

    private static boolean allTrue(boolean[] flags) {
        for (boolean flag : flags) {
            if (!flag) {
                return false;
            }
        }
        return true;
    }
}
