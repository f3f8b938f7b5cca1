package lorikeet.model.text;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import lorikeet.model.text.BpeVocabulary.Merge;

/**
 * Makes a byte-level BPE vocabulary (Sennrich et al. 2016, Radford et al. 2019): again and again, the pair of tokens
 * that stands next to each other most often becomes a token of its own; of pairs equally frequent, the one with the
 * smallest ids. Counts are kept up to date word by word, so that a merge costs no more than the words that hold it.
 */
public final class BpeTrainer {
    private final List<String> tokens = new ArrayList<>();
    private final List<Merge> merges = new ArrayList<>();
    private final List<Word> words = new ArrayList<>();
    private final Map<Merge, Pair> pairs = new HashMap<>();
    private final PriorityQueue<Candidate> queue = new PriorityQueue<>(Comparator
            .comparingLong((Candidate c) -> -c.count)
            .thenComparingInt(c -> c.pair.merge.left()).thenComparingInt(c -> c.pair.merge.right()));

    /** A piece of text that occurs {@code count} times, as tokens merged so far. */
    private static final class Word {
        final long count;
        int[] ids;

        Word(int[] ids, long count) {
            this.ids = ids;
            this.count = count;
        }
    }

    /** Two tokens next to each other: how often, and the words in which they ever stood so. */
    private static final class Pair {
        final Merge merge;
        final List<Word> words = new ArrayList<>();
        long count;

        Pair(Merge merge) {
            this.merge = merge;
        }
    }

    /** A pair with its count when it was queued; outdated when that has changed since. */
    private record Candidate(Pair pair, long count) {
    }

    private BpeTrainer() {}

    /**
     * Trains on texts, in which no token crosses the border of a piece or a text.
     *
     * @param size the number of tokens, end-of-text included: at least 257; fewer come back when no pair occurs twice
     */
    public static BpeVocabulary train(Iterable<String> texts, int size) {
        if (size < 257) {
            throw new IllegalArgumentException(
                    "a byte-level vocabulary has at least 257 tokens (256 bytes and end-of-text), not " + size);
        }
        return new BpeTrainer().run(texts, size);
    }

    private BpeVocabulary run(Iterable<String> texts, int size) {
        var idOf = new int[512];
        for (char c : ByteLevel.alphabet()) {
            idOf[c] = tokens.size();
            tokens.add(String.valueOf(c));
        }
        var counts = new LinkedHashMap<String, Long>();
        texts.forEach(text -> ByteLevel.pieces(text, piece -> counts.merge(piece, 1L, Long::sum)));
        counts.forEach((piece, count) -> words.add(new Word(piece.chars().map(c -> idOf[c]).toArray(), count)));
        for (var word : words) {
            for (int i = 0; i + 1 < word.ids.length; i++) {
                var pair = pair(word.ids[i], word.ids[i + 1]);
                pair.count += word.count;
                pair.words.add(word);
            }
        }
        pairs.values().forEach(this::enqueue);
        while (tokens.size() < size - 1) {
            var best = best();
            if (best == null) {
                break;
            }
            merge(best);
        }
        tokens.add(BpeVocabulary.END_OF_TEXT);
        return new BpeVocabulary(tokens, merges);
    }

    private Pair pair(int left, int right) {
        return pairs.computeIfAbsent(new Merge(left, right), Pair::new);
    }

    private void enqueue(Pair pair) {
        if (pair.count > 1) {
            queue.add(new Candidate(pair, pair.count));
        }
    }

    /** The most frequent pair, or null if none occurs twice. Counts only ever fall while a pair waits in the queue. */
    private Pair best() {
        while (!queue.isEmpty()) {
            var candidate = queue.remove();
            if (candidate.count == candidate.pair.count) {
                return candidate.pair;
            }
            enqueue(candidate.pair);
        }
        return null;
    }

    private void merge(Pair best) {
        int id = tokens.size();
        merges.add(best.merge);
        tokens.add(tokens.get(best.merge.left()) + tokens.get(best.merge.right()));
        var born = new ArrayList<Pair>();
        for (var word : best.words) {
            var before = word.ids;
            var after = replace(before, best.merge, id);
            if (after.length == before.length) {
                continue; // merged otherwise since, or listed twice
            }
            for (int i = 0; i + 1 < before.length; i++) {
                pair(before[i], before[i + 1]).count -= word.count;
            }
            for (int i = 0; i + 1 < after.length; i++) {
                var pair = pair(after[i], after[i + 1]);
                pair.count += word.count;
                if (after[i] == id || after[i + 1] == id) {
                    if (pair.words.isEmpty()) {
                        born.add(pair);
                    }
                    pair.words.add(word);
                }
            }
            word.ids = after;
        }
        born.forEach(this::enqueue);
        pairs.remove(best.merge);
    }

    private static int[] replace(int[] ids, Merge merge, int id) {
        var result = new int[ids.length];
        int n = 0;
        for (int i = 0; i < ids.length; i++) {
            if (i + 1 < ids.length && ids[i] == merge.left() && ids[i + 1] == merge.right()) {
                result[n++] = id;
                i++;
            } else {
                result[n++] = ids[i];
            }
        }
        return Arrays.copyOf(result, n);
    }
}
