package lorikeet.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class DevicesTest {

    private static Devices.Listing firstGpu() {
        return Devices.list().stream().filter(listing -> listing.name().startsWith("cuda")).findFirst().orElseThrow();
    }

    @Test
    void everyDeviceIsUsableOrSaysWhyNot() {
        assertThat(Devices.list()).extracting(Devices.Listing::name).contains("cpu", "sim");
        assertThat(Devices.list()).allSatisfy(
                listing -> assertThat(listing.description() == null).isNotEqualTo(listing.problem() == null));
    }

    @Test
    void aMissingGpuIsOneSentence() {
        var listing = firstGpu();
        assumeTrue(listing.problem() != null, "this machine has a GPU");
        assertThat(listing.problem()).doesNotContain("\n", "Exception", "Error").hasSizeBetween(20, 250);
        // A second try must say the same: a class whose loading failed once fails differently afterwards.
        for (var name : List.of("cuda", "cuda:0", "cuda")) {
            assertThatThrownBy(() -> Devices.open(name, Precision.STRICT, 1))
                    .isInstanceOf(DeviceUnavailableException.class).hasMessage(listing.problem());
        }
    }

    @Test
    void autoTakesWhatThereIs() {
        try (var device = Devices.open("auto", Precision.STRICT, 1)) {
            assertThat(device.name()).isEqualTo(firstGpu().problem() == null ? "cuda:0" : "cpu");
        }
    }

    @Test
    void theGpuMadeOfJavaIsEverywhere() {
        try (var device = Devices.open("sim", Precision.STRICT, 1)) {
            assertThat(device.name()).isEqualTo("sim");
            assertThat(device.description()).startsWith("GPU made of Java");
        }
    }

    @Test
    void refusesOtherNames() {
        for (var name : List.of("gpu", "cuda:", "cuda:x", "CPU", "sim:1", "")) {
            assertThatThrownBy(() -> Devices.open(name, Precision.STRICT, 1))
                    .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("\"" + name + "\"");
        }
    }
}
