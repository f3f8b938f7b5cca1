package lorikeet.model.data;

import static java.util.stream.Collectors.toSet;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import lorikeet.model.data.WordNet.PartOfSpeech;
import lorikeet.model.data.WordNet.Synset;
import org.junit.jupiter.api.Test;

class WordNetTest {
    private static final WordNet WORD_NET = WordNet.load();

    @Test
    void readsEverySynset() {
        assertThat(WORD_NET.synsets()).hasSize(117_791);
        for (var synset : WORD_NET.synsets()) {
            boolean sound = !synset.words().isEmpty() && synset.words().stream().noneMatch(w -> w.matches(".*[_()].*"))
                    && !synset.definition().isBlank()
                    && synset.examples().stream().noneMatch(e -> e.isBlank() || e.contains("\""))
                    && synset.lexicographerFile().startsWith(synset.partOfSpeech().toString().substring(0, 3));
            assertThat(sound).as("%s", synset).isTrue();
        }
        assertThat(WORD_NET.synsets().stream().filter(s -> s.partOfSpeech() == PartOfSpeech.NOUN)
                .map(Synset::lexicographerFile).collect(toSet())).hasSize(26);
        assertThat(WORD_NET.synsets().stream().map(s -> s.key(0)).collect(toSet())).hasSize(117_791);
        assertThat(WORD_NET.synsets().stream().mapToInt(s -> s.examples().size()).sum()).isEqualTo(48_553);
    }

    @Test
    void takesALineApart() {
        var synset = WordNet.parse(PartOfSpeech.ADVERB,
                "00159432 02 r 04 precisely 0 exactly 0 on_the_nose 1 just 0 004 "
                        + "\\ 00635169 a 0401 ;u 07089193 n 0300 | indicating exactness; "
                        + "\"he was doing exactly; what (or that)\"; "
                        + "\"all true work is religion.\"--Thomas Carlyle; (`blate' is Scottish)");
        assertThat(synset).isEqualTo(new Synset(PartOfSpeech.ADVERB, 159432,
                List.of("precisely", "exactly", "on the nose", "just"), "adv.all",
                "indicating exactness; (`blate' is Scottish)",
                List.of("he was doing exactly; what (or that)", "all true work is religion.")));
    }

    @Test
    void leavesQuotationsInADefinition() {
        assertThat(parsed("a demand in the phrase \"the call; of duty\"").definition())
                .isEqualTo("a demand in the phrase \"the call; of duty\"");
        assertThat(parsed("a demand in the phrase \"the call; of duty\"").examples()).isEmpty();
        assertThat(parsed("a range: \"the range of a jet\"").definition()).isEqualTo("a range");
        assertThat(parsed("a range: \"the range of a jet\"").examples()).containsExactly("the range of a jet");
        assertThat(parsed("ratio 1:2; e.g.: a half").definition()).isEqualTo("ratio 1:2; e.g.: a half");
    }

    @Test
    void dropsTheMarkersOfAdjectives() {
        assertThat(WordNet.parse(PartOfSpeech.ADJECTIVE,
                "02041731 44 s 02 regent(ip) 0 well_known(p) 0 000 | ruling  ").words())
                .containsExactly("regent", "well known");
    }

    @Test
    void holdsOutOneInTen() {
        assertThat(WORD_NET.heldOut()).hasSize(11_721);
        assertThat(WORD_NET.training()).hasSize(117_791 - 11_721).noneMatch(Synset::heldOut);
    }

    private static Synset parsed(String gloss) {
        return WordNet.parse(PartOfSpeech.NOUN, "00001740 03 n 01 entity 0 000 | " + gloss + "  ");
    }
}
