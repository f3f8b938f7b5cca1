package lorikeet.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RougeLTest {

    /** Lin's example: "police the gunman" has two words in order with the reference, "police killed the gunman" three. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "police killed the gunman | police kill the gunman     | 3 | 4 | 4",
        "police killed the gunman | the gunman kill police     | 2 | 4 | 4",
        "police killed the gunman | the gunman police killed   | 2 | 4 | 4",
        "a b c d e f g            | b x d y g                  | 3 | 7 | 5",
        "a b a c                  | c a b a                    | 3 | 4 | 4",
        "a                        | a a a                      | 1 | 1 | 3",
        "a large-eyed bird; blue  | A LARGE EYED BIRD (blue)   | 5 | 5 | 5",
        "year 1984                | in 1984                    | 1 | 2 | 2",
        "yes                      | no                         | 0 | 1 | 1"})
    void isTheFMeasureOfTheLongestCommonSubsequence(String reference, String text, int common, int wanted, int found) {
        double recall = (double) common / wanted;
        double precision = (double) common / found;
        double expected = common == 0 ? 0 : 2 * precision * recall / (precision + recall);
        assertThat(RougeL.of(reference, text)).isCloseTo(expected, within(1e-12));
        assertThat(RougeL.of(text, reference)).isCloseTo(expected, within(1e-12));
    }

    @Test
    void aTextWithoutWordsHasNothingInCommon() {
        assertThat(RougeL.of("", "a")).isZero();
        assertThat(RougeL.of("a", "…!")).isZero();
        assertThat(RougeL.of("", "")).isZero();
    }
}
