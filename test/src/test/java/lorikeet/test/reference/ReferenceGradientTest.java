package lorikeet.test.reference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The reference's gradients are those of the function that it computes, for every method and every parameter. */
class ReferenceGradientTest {
    static List<ReferenceCase> cases() {
        return ReferenceCase.all();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void agreesWithCentralDifferences(ReferenceCase reference) {
        var parameters = reference.parameters();
        var trainable = reference.adapter().isEmpty() ? reference.base().keySet() : reference.parameters().keySet();
        var gradients = reference.decoder().gradients(parameters, trainable, reference.batch()).byName();
        var random = new Random(1);
        gradients.forEach((name, gradient) -> {
            double largest = Arrays.stream(gradient).map(Math::abs).max().orElseThrow();
            assertThat(largest).as(name).isPositive();
            IntStream.generate(() -> random.nextInt(gradient.length)).limit(5).forEach(i -> assertThat(gradient[i])
                    .as("%s[%d]", name, i)
                    .isCloseTo(reference.decoder().derivative(parameters, name, i, reference.batch()),
                            within(1e-7 * Math.max(largest, 1e-2))));
        });
    }
}
