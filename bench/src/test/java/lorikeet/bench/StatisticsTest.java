package lorikeet.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class StatisticsTest {
    @Test
    void aPowerLawIsFound() {
        assertThat(Statistics.exponent(new double[] {1, 2, 4, 8}, new double[] {3, 12, 48, 192}))
                .isCloseTo(2, within(1e-12));
        assertThat(Statistics.exponent(new double[] {256, 2048}, new double[] {5, 5})).isCloseTo(0, within(1e-12));
    }

    /** ln y over ln x at x = e⁰, e¹, e²: 0, 1, 5; their line of least squares rises by 2.5. */
    @Test
    void theFitIsLeastSquaresOfLogarithms() {
        var x = new double[] {1, Math.E, Math.exp(2)};
        assertThat(Statistics.exponent(x, new double[] {1, Math.E, Math.exp(5)})).isCloseTo(2.5, within(1e-12));
    }

    @Test
    void onePointIsNoLaw() {
        assertThatThrownBy(() -> Statistics.exponent(new double[] {1}, new double[] {1}))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void medians() {
        assertThat(Statistics.median(5, 1, 3)).isEqualTo(3);
        assertThat(Statistics.median(4, 1, 3, 100)).isEqualTo(3.5);
        assertThat(Statistics.range(4, 1, 3)).containsExactly(1, 4);
    }
}
