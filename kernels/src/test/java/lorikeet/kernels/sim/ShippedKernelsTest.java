package lorikeet.kernels.sim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import lorikeet.kernels.cuda.Kernels;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The interpreter knows every instruction of every kernel that ships. */
class ShippedKernelsTest {
    private static final Pattern ENTRY = Pattern.compile("\\.entry (\\w+)\\(");

    static List<String> kernels(String module) {
        return ENTRY.matcher(Kernels.ptx(module)).results().map(entry -> entry.group(1)).toList();
    }

    static Stream<String> modules() {
        return Kernels.MODULES.stream();
    }

    @ParameterizedTest
    @MethodSource("modules")
    void load(String module) {
        var kernels = kernels(module);
        assertThat(kernels).isNotEmpty();
        try (var sim = new Simulation(Simulation.EXACT.withCapability(90))) {
            kernels.forEach(kernel -> assertThatCode(() -> sim.gpu.load(Kernels.ptx(module), kernel))
                    .doesNotThrowAnyException());
        }
    }
}
