package lorikeet.peft.explain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import lorikeet.peft.LowRank;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;
import org.ejml.dense.row.RandomMatrices_DDRM;
import org.junit.jupiter.api.Test;

/** Changes made from directions of a weight whose singular values are known. */
class AmplificationTest {
    private static final double[] VALUES = {6, 5, 4, 3, 2, 1};
    private static final int IN = 9;
    private static final int OUT = 7;

    private final Random random = new Random(3);
    private final DMatrixRMaj u = RandomMatrices_DDRM.orthogonal(IN, VALUES.length, random);
    private final DMatrixRMaj v = RandomMatrices_DDRM.orthogonal(OUT, VALUES.length, random);
    private final DMatrixRMaj weight =
            CommonOps_DDRM.multTransB(CommonOps_DDRM.mult(u, CommonOps_DDRM.diag(VALUES), null), v, null);

    /** Directions {@code left} of U and {@code right} of V, two each, both with singular value {@code size}. */
    private LowRank change(int left, int right, double size) {
        return new LowRank(CommonOps_DDRM.extract(u, 0, IN, left, left + 2), new double[] {size, size},
                CommonOps_DDRM.transpose(CommonOps_DDRM.extract(v, 0, OUT, right, right + 2), null));
    }

    @Test
    void alongTheFirstDirectionsOfTheWeightThereIsAsMuchAsThereCanBe() {
        var amplification = Amplification.of(weight, change(0, 0, 10), 2);
        assertThat(amplification.ofChange()).isCloseTo(Math.sqrt(36 + 25), within(1e-12));
        assertThat(amplification.ofWeight()).isCloseTo(Math.sqrt(36 + 25), within(1e-12));
        assertThat(amplification.factor()).isCloseTo(Math.sqrt(200 / 61.0), within(1e-12));
    }

    @Test
    void alongItsLastDirectionsThereIsLittleAndTheSameChangeAmplifiesMore() {
        var amplification = Amplification.of(weight, change(4, 4, 10), 2);
        assertThat(amplification.ofChange()).isCloseTo(Math.sqrt(4 + 1), within(1e-12));
        assertThat(amplification.ofWeight()).isCloseTo(Math.sqrt(36 + 25), within(1e-12));
        assertThat(amplification.factor()).isCloseTo(Math.sqrt(200 / 5.0), within(1e-12));
    }

    @Test
    void whatTheWeightDoesNotDoIsNothingInIt() {
        assertThat(Amplification.of(weight, change(0, 2, 10), 2).ofChange()).isCloseTo(0, within(1e-12));
    }

    @Test
    void onlyTheFirstDirectionsCountWhereFewerAreAskedFor() {
        var amplification = Amplification.of(weight, change(0, 0, 10), 1);
        assertThat(amplification.directions()).isOne();
        assertThat(amplification.ofChange()).isCloseTo(6, within(1e-12));
        assertThat(amplification.factor()).isCloseTo(10 / 6.0, within(1e-12));
    }

    @Test
    void randomDirectionsHoldWhatTheFormulaSays() {
        int draws = 4000;
        double squares = 0;
        for (int i = 0; i < draws; i++) {
            var drawn = new LowRank(RandomMatrices_DDRM.orthogonal(IN, 3, random), new double[] {1, 1, 1},
                    CommonOps_DDRM.transpose(RandomMatrices_DDRM.orthogonal(OUT, 3, random), null));
            squares += Math.pow(Amplification.of(weight, drawn, 3).ofChange(), 2);
        }
        double expected = Amplification.of(weight, change(0, 0, 1), 2).ofRandom() * 3 / 2; // it grows with r
        assertThat(Math.sqrt(squares / draws)).isCloseTo(expected, within(0.02 * expected));
    }
}
