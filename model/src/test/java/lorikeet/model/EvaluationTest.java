package lorikeet.model;

import static org.assertj.core.api.Assertions.assertThat;

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
    void aLabelWithoutAScoreIsNotFound() {
        assertThat(Evaluation.rank(new double[] {Double.NaN, Double.NaN, Double.NaN}, 0)).isEqualTo(2);
        assertThat(Evaluation.rank(new double[] {-1, -2}, -1)).isEqualTo(Integer.MAX_VALUE);
    }
}
