package lorikeet.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import jdk.incubator.vector.FloatVector;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** That the run which is to do without AVX-512 really does. */
@Tag("isa")
class InstructionSetTest {

    @Test
    void vectorsHaveAtMost256Bits() {
        assumeThat(System.getenv("ONEDNN_MAX_CPU_ISA")).isEqualTo("AVX2");
        assertThat(FloatVector.SPECIES_PREFERRED.vectorBitSize()).isLessThanOrEqualTo(256);
    }
}
