package lorikeet.peft.explain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;
import org.ejml.dense.row.RandomMatrices_DDRM;
import org.junit.jupiter.api.Test;

/** Subspaces of which it is known how far they are the same. */
class OverlapTest {
    private static final int SIZE = 12;

    private final Random random = new Random(5);
    private final DMatrixRMaj directions = RandomMatrices_DDRM.orthogonal(SIZE, 8, random);

    private DMatrixRMaj columns(int from, int to) {
        return CommonOps_DDRM.extract(directions, 0, SIZE, from, to);
    }

    @Test
    void theSameDirectionsOverlapWhollyAndOthersNotAtAll() {
        var same = Overlap.of(columns(0, 4), columns(0, 4));
        for (int i = 0; i < 4; i++) {
            for (int j = 0; j < 4; j++) {
                assertThat(same.phi()[i][j]).isCloseTo(1, within(1e-12));
            }
        }
        var other = Overlap.of(columns(0, 4), columns(4, 8));
        assertThat(other.first()).isCloseTo(0, within(1e-12));
        assertThat(other.all()).isCloseTo(0, within(1e-12));
    }

    @Test
    void aSubspaceCountsWhateverItsDirectionsAre() {
        var turned = CommonOps_DDRM.mult(columns(0, 4), RandomMatrices_DDRM.orthogonal(4, 4, random), null);
        var overlap = Overlap.of(columns(0, 4), turned);
        assertThat(overlap.all()).isCloseTo(1, within(1e-12));
        assertThat(overlap.firstInAll()).isCloseTo(1, within(1e-12));
        assertThat(overlap.first()).isBetween(0.001, 0.999);
    }

    @Test
    void theSmallerInsideTheLargerOverlapsWholly() {
        for (var overlap : new Overlap[] {Overlap.of(columns(2, 4), columns(0, 8)),
            Overlap.of(columns(0, 8), columns(2, 4))}) {
            assertThat(overlap.all()).isCloseTo(1, within(1e-12));
            assertThat(overlap.firstInAll()).isCloseTo(1, within(1e-12));
            assertThat(overlap.first()).isCloseTo(0, within(1e-12));
        }
        assertThat(Overlap.of(columns(0, 4), columns(2, 6)).all()).isCloseTo(0.5, within(1e-12));
    }

    @Test
    void randomDirectionsOverlapAsTheFormulaSays() {
        int draws = 2000;
        double sum = 0;
        for (int i = 0; i < draws; i++) {
            var overlap = Overlap.of(columns(0, 3), RandomMatrices_DDRM.orthogonal(SIZE, 5, random));
            sum += overlap.all();
            assertThat(overlap.random()).isEqualTo(5.0 / SIZE);
        }
        assertThat(sum / draws).isCloseTo(5.0 / SIZE, within(0.01));
    }
}
