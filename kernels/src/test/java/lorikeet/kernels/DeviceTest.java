package lorikeet.kernels;

import static org.assertj.core.api.Assertions.assertThatCode;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DeviceTest {
    @ParameterizedTest
    @ValueSource(strings = {"cpu", "sim"})
    void closesTwiceWithoutHarm(String name) {
        var device = Devices.open(name, Precision.FAST, 2);
        device.fill(device.memory().allocateOwned(DType.F32, 100, Purpose.WORKSPACE), 1);
        device.close();
        assertThatCode(device::close).doesNotThrowAnyException();
    }
}
