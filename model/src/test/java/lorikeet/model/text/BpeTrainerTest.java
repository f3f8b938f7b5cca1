package lorikeet.model.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import lorikeet.model.text.BpeVocabulary.Merge;
import org.junit.jupiter.api.Test;

class BpeTrainerTest {
    private static final List<String> TEXTS = List.of("the cat sat on the mat, the other cat didn't",
            "aaa aaaa aaaaa aaaaaaaa", "ein Vögelchen, zwei Vögelchen", "", "the   end\n\n\nthe end");

    @Test
    void findsTheMergesOfACounterThatStartsAfreshEachTime() {
        for (var texts : List.of(TEXTS, randomTexts(1), randomTexts(2), randomTexts(3))) {
            var vocabulary = BpeTrainer.train(texts, 257 + 60);
            assertThat(vocabulary.merges()).isEqualTo(naiveMerges(texts, 60)).hasSizeGreaterThan(20);
            assertThat(vocabulary.tokens()).doesNotHaveDuplicates().hasSize(257 + vocabulary.merges().size());
        }
    }

    @Test
    void startsWithTheBytesInGpt2sOrderAndEndsWithEndOfText() {
        var vocabulary = BpeTrainer.train(TEXTS, 260);
        assertThat(vocabulary.tokens().subList(0, 3)).containsExactly("!", "\"", "#");
        assertThat(vocabulary.tokens().get(220)).isEqualTo("Ġ"); // the space: GPT-2's token 220
        assertThat(vocabulary.tokens().get(198)).isEqualTo("Ċ"); // the line feed: GPT-2's token 198
        assertThat(vocabulary.tokens().getLast()).isEqualTo("<|endoftext|>");
        assertThat(vocabulary.endOfText()).isEqualTo(259);
    }

    @Test
    void stopsWhenNoPairOccursTwice() {
        var vocabulary = BpeTrainer.train(List.of("abab"), 1000);
        assertThat(vocabulary.tokens().subList(256, vocabulary.size())).containsExactly("ab", "<|endoftext|>");
    }

    @Test
    void refusesAVocabularyThatCannotHoldTheBytes() {
        assertThatThrownBy(() -> BpeTrainer.train(TEXTS, 256)).hasMessageContaining("at least 257");
    }

    private static List<String> randomTexts(long seed) {
        var random = new Random(seed);
        var texts = new ArrayList<String>();
        for (int i = 0; i < 40; i++) {
            var text = new StringBuilder();
            for (int j = random.nextInt(60); j > 0; j--) {
                text.append("aaabcé 1".charAt(random.nextInt(8)));
            }
            texts.add(text.toString());
        }
        return texts;
    }

    /** Counts all pairs anew before each merge. */
    private static List<Merge> naiveMerges(List<String> texts, int count) {
        var idOf = new HashMap<Character, Integer>();
        for (char c : ByteLevel.alphabet()) {
            idOf.put(c, idOf.size());
        }
        var pieces = new ArrayList<List<Integer>>();
        for (var text : texts) {
            ByteLevel.pieces(text,
                    piece -> pieces.add(new ArrayList<>(piece.chars().mapToObj(c -> idOf.get((char) c)).toList())));
        }
        var merges = new ArrayList<Merge>();
        while (merges.size() < count) {
            var counts = new TreeMap<List<Integer>, Integer>((a, b) -> a.getFirst().equals(b.getFirst())
                    ? Integer.compare(a.getLast(), b.getLast())
                    : Integer.compare(a.getFirst(), b.getFirst()));
            for (var piece : pieces) {
                for (int i = 0; i + 1 < piece.size(); i++) {
                    counts.merge(List.of(piece.get(i), piece.get(i + 1)), 1, Integer::sum);
                }
            }
            List<Integer> best = null;
            for (var pair : counts.keySet()) {
                if (counts.get(pair) > (best == null ? 1 : counts.get(best))) {
                    best = pair;
                }
            }
            if (best == null) {
                break;
            }
            for (var piece : pieces) {
                for (int i = 0; i + 1 < piece.size(); i++) {
                    if (piece.subList(i, i + 2).equals(best)) {
                        piece.remove(i + 1);
                        piece.set(i, 256 + merges.size());
                    }
                }
            }
            merges.add(new Merge(best.getFirst(), best.getLast()));
        }
        return merges;
    }
}
