package lorikeet.bench;

import static org.assertj.core.api.Assertions.assertThatCode;

import lorikeet.kernels.Devices;
import lorikeet.kernels.Precision;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class OpTest {
    /** Binding an op compares the device's result with the formula's. */
    @ParameterizedTest
    @EnumSource
    void formulaAndVerbAreTheSameOp(Op op) {
        try (var device = Devices.open("cpu", Precision.STRICT, 1)) {
            assertThatCode(() -> new Bound(op, Op.SMALL, device).release()).doesNotThrowAnyException();
        }
    }
}
