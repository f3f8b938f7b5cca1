package lorikeet.model.data;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.List;
import java.util.stream.IntStream;
import lorikeet.model.data.WordNet.PartOfSpeech;
import lorikeet.model.data.WordNet.Synset;
import org.junit.jupiter.api.Test;

class PretrainingTextTest {
    private static final List<Synset> SYNSETS = IntStream.range(0, 500)
            .mapToObj(i -> new Synset(PartOfSpeech.NOUN, 100 * i,
                    List.of("word" + i, "other" + i), "noun.secrettopic", "meaning number " + i + ".",
                    List.of("use of " + i)))
            .toList();

    @Test
    void tellsEachSynsetOnceAPassAndBothWaysRoundInTwo() {
        var first = PretrainingText.documents(SYNSETS, 7, 0);
        var second = PretrainingText.documents(SYNSETS, 7, 1);
        assertThat(first).hasSize(500).isNotEqualTo(second);
        for (var synset : SYNSETS) {
            assertThat(wordFirst(synset, first)).as(synset.definition()).isNotEqualTo(wordFirst(synset, second));
        }
    }

    @Test
    void isTheSameForTheSameSeed() {
        assertThat(PretrainingText.documents(SYNSETS, 7, 3)).isEqualTo(PretrainingText.documents(SYNSETS, 7, 3))
                .isNotEqualTo(PretrainingText.documents(SYNSETS, 8, 3));
    }

    @Test
    void neverTellsTheTopic() {
        assertThat(PretrainingText.documents(SYNSETS, 1, 0)).noneMatch(document -> document.contains("secrettopic"));
    }

    @Test
    void usesEveryPhrasing() {
        var synset = SYNSETS.getFirst();
        var documents = new HashSet<String>();
        for (int pass = 0; pass < 400; pass++) {
            documents.add(PretrainingText.document(synset, 1, pass));
        }
        assertThat(documents).containsExactlyInAnyOrder(
                "Word: word0, other0\nDefinition: meaning number 0.\nExample: use of 0",
                "word0, other0 (noun): meaning number 0.; \"use of 0\"",
                "word0 means meaning number 0.. Other words for it: other0. For example: use of 0.",
                "Definition: meaning number 0.\nWord: word0, other0\nExample: use of 0",
                "Definition: meaning number 0.\nWord: other0, word0\nExample: use of 0",
                "meaning number 0.: word0", "meaning number 0.: other0",
                "Which noun means \"meaning number 0.\"? word0, as in: use of 0",
                "Which noun means \"meaning number 0.\"? other0, as in: use of 0");
    }

    private static boolean wordFirst(Synset synset, List<String> documents) {
        var document = documents.stream().filter(d -> d.contains(synset.definition())).findFirst().orElseThrow();
        int word = Math.min(place(document, synset.words().get(0)), place(document, synset.words().get(1)));
        return word < document.indexOf(synset.definition());
    }

    private static int place(String document, String word) {
        int place = document.indexOf(word);
        return place < 0 ? Integer.MAX_VALUE : place;
    }
}
