package lorikeet.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.IntStream;
import lorikeet.model.data.Example;
import org.junit.jupiter.api.Test;

class EvaluationTest {

    @Test
    void theRightLabelsRankCountsThoseNotScoredBelowIt() {
        var scores = new double[] {-3, -1, -2, -1};
        assertThat(Evaluation.rank(scores, 1)).isZero();
        assertThat(Evaluation.rank(scores, 3)).isEqualTo(1);
        assertThat(Evaluation.rank(scores, 2)).isEqualTo(2);
        assertThat(Evaluation.rank(scores, 0)).isEqualTo(3);
    }

    @Test
    void batchesCloseOnExamplesOrOnTokens() {
        assertThat(sizes(1, 1, 1, 1, 1)).containsExactly(3, 2);
        assertThat(sizes(2000, 2095, 1, 4096, 5000, 7)).containsExactly(3, 1, 1, 1);
        assertThat(sizes()).isEmpty();
    }

    private static List<Integer> sizes(int... lengths) {
        var examples = IntStream.of(lengths).mapToObj(length -> new Example(new int[length], new int[length])).toList();
        return Evaluation.batches(examples, 3).stream().map(List::size).toList();
    }

    @Test
    void aLabelWithoutAScoreIsNotFound() {
        assertThat(Evaluation.rank(new double[] {Double.NaN, Double.NaN, Double.NaN}, 0)).isEqualTo(2);
        assertThat(Evaluation.rank(new double[] {-1, -2}, -1)).isEqualTo(Integer.MAX_VALUE);
    }
}
