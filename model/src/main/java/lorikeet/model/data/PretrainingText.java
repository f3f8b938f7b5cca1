package lorikeet.model.data;

import java.util.List;
import lorikeet.model.data.WordNet.Synset;

/**
 * WordNet as a text to learn English from: one short document per synset, from the word to its meaning or from the
 * meaning to the word. The second direction makes a model gather what a definition is about by the time it ends. A
 * synset changes direction and phrasing from one pass over the text to the next, and two passes in a row show it both
 * ways. The topic (lexicographer file) is never told.
 */
public final class PretrainingText {
    private PretrainingText() {}

    /** The documents of one pass in random order; the same for the same synsets, seed and pass. */
    public static List<String> documents(List<Synset> synsets, long seed, int pass) {
        var documents = synsets.stream().map(synset -> document(synset, seed, pass)).toList();
        return Shuffle.shuffled(documents, Shuffle.mix(seed) + pass);
    }

    static String document(Synset synset, long seed, int pass) {
        long key = synset.key(seed);
        boolean wordFirst = (Shuffle.below(2, key) + pass) % 2 == 0;
        int phrasing = Shuffle.below(10, Shuffle.mix(key) + pass);
        return (wordFirst ? fromWord(synset, phrasing) : fromMeaning(synset, phrasing, Shuffle.mix(key + pass)))
                .toString();
    }

    private static StringBuilder fromWord(Synset synset, int phrasing) {
        var words = synset.words();
        var text = new StringBuilder();
        if (phrasing < 5) {
            text.append("Word: ").append(String.join(", ", words)).append("\nDefinition: ").append(synset.definition());
            return examples(text, synset, "\nExample: ", "");
        }
        if (phrasing < 8) {
            text.append(String.join(", ", words)).append(" (").append(synset.partOfSpeech()).append("): ")
                    .append(synset.definition());
            return examples(text, synset, "; \"", "\"");
        }
        text.append(words.getFirst()).append(" means ").append(synset.definition()).append('.');
        if (words.size() > 1) {
            text.append(" Other words for it: ").append(String.join(", ", words.subList(1, words.size()))).append('.');
        }
        return examples(text, synset, " For example: ", ".");
    }

    private static StringBuilder fromMeaning(Synset synset, int phrasing, long key) {
        var text = new StringBuilder();
        if (phrasing < 6) { // the words in any order: each of them should follow from the meaning
            var words = Shuffle.shuffled(synset.words(), key);
            text.append("Definition: ").append(synset.definition()).append("\nWord: ").append(String.join(", ", words));
            return examples(text, synset, "\nExample: ", "");
        }
        var word = synset.words().get(Shuffle.below(synset.words().size(), key));
        if (phrasing < 8) {
            return text.append(synset.definition()).append(": ").append(word);
        }
        text.append("Which ").append(synset.partOfSpeech()).append(" means \"").append(synset.definition())
                .append("\"? ").append(word);
        return examples(text, synset, ", as in: ", "");
    }

    private static StringBuilder examples(StringBuilder text, Synset synset, String before, String after) {
        for (var example : synset.examples()) {
            text.append(before).append(example).append(after);
        }
        return text;
    }
}
