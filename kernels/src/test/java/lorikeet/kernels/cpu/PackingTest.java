package lorikeet.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import lorikeet.kernels.DType;
import lorikeet.kernels.Matrix;
import lorikeet.kernels.Precision;
import lorikeet.kernels.Purpose;
import org.junit.jupiter.api.Test;

class PackingTest {

    @Test
    void aCopyThatCannotBeFilledIsReleased() {
        try (var device = CpuDevices.withoutOneDnn(Precision.STRICT, 1)) {
            var memory = device.memory();
            var weights = memory.allocate(DType.F32, 64 * 64, Purpose.WEIGHTS);
            weights.freeze();
            long before = memory.ledger().current();
            assertThatIllegalStateException()
                    .isThrownBy(() -> Packing.copy(memory, Matrix.of(weights, 64, 64), 1000, _ -> {
                        throw new IllegalStateException("cannot pack");
                    })).withMessage("cannot pack");
            assertThat(memory.ledger().current()).isEqualTo(before);
        }
    }
}
