package lorikeet.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import lorikeet.model.data.Sequences;

/** Continuing texts token by token, with a cache of keys and values. */
public final class Generation {
    private static final int[] NOTHING = {};

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

    /**
     * Continues several texts at once, each with its likeliest tokens and as far as if it were alone.
     *
     * @param most most new tokens of each; fewer where its context is full
     */
    public static List<int[]> continueGreedily(Decoder decoder, List<int[]> prompts, int most, int endOfText) {
        int room = decoder.shape().context() - decoder.virtualTokens();
        int longest = prompts.stream().mapToInt(prompt -> prompt.length).max().orElse(0);
        var texts = prompts.stream().map(prompt -> new Text(Math.min(most, room - prompt.length))).toList();
        // a finished text stays in the batch, but without tokens
        var next = new ArrayList<int[]>();
        for (int s = 0; s < prompts.size(); s++) {
            next.add(texts.get(s).goesOn() ? prompts.get(s) : NOTHING);
        }
        int capacity = Math.min(room, longest + Math.clamp(most, 0, room));
        try (var cache = decoder.cache(prompts.size(), decoder.virtualTokens() + capacity)) {
            while (texts.stream().anyMatch(Text::goesOn)) {
                var going = IntStream.range(0, next.size()).filter(s -> texts.get(s).goesOn()).toArray();
                var tokens = likeliest(decoder, Sequences.of(next), cache, going);
                for (int i = 0; i < going.length; i++) {
                    var text = texts.get(going[i]);
                    text.add(tokens[i], endOfText);
                    next.set(going[i], text.goesOn() ? new int[] {tokens[i]} : NOTHING);
                }
            }
        }
        return texts.stream().map(text -> text.tokens.stream().mapToInt(Integer::intValue).toArray()).toList();
    }

    /** New tokens of one of several texts. */
    private static final class Text {
        private final List<Integer> tokens = new ArrayList<>();
        private final int limit;
        private boolean ended;

        Text(int limit) {
            this.limit = limit;
        }

        boolean goesOn() {
            return !ended && tokens.size() < limit;
        }

        void add(int token, int endOfText) {
            ended = token == endOfText;
            if (!ended) {
                tokens.add(token);
            }
        }
    }

    /** The likeliest token behind each of the sequences {@code chosen}. */
    private static int[] likeliest(Decoder decoder, Sequences sequences, KeyValueCache cache, int[] chosen) {
        try (var _ = decoder.device().memory().scope()) {
            var hidden = decoder.hidden(sequences, cache);
            var last = lastRows(sequences, hidden.shape().rows());
            var logits = decoder.logits(hidden, IntStream.of(chosen).map(s -> last[s]).toArray()).toArray();
            int vocabulary = decoder.shape().vocabulary();
            return IntStream.range(0, chosen.length).map(i -> Sampling.GREEDY
                    .choose(Arrays.copyOfRange(logits, i * vocabulary, (i + 1) * vocabulary), 0)).toArray();
        }
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
}
