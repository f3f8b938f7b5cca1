package lorikeet.test.ops;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Comparator;
import lorikeet.engine.Shape;
import lorikeet.kernels.Devices;
import lorikeet.kernels.Precision;
import org.junit.jupiter.api.Test;

class ThreadsTest {
    @Test
    void theBitsOfNoOperationDependOnTheNumberOfThreads() {
        try (var one = Devices.open("cpu", Precision.STRICT, 1); var three = Devices.open("cpu", Precision.STRICT, 3)) {
            for (var op : OpTable.ops()) {
                var largest = op.cases().stream()
                        .max(Comparator.comparingLong(shapes -> shapes.stream().mapToLong(Shape::size).sum()))
                        .orElseThrow();
                var expected = OpCheck.results(one, op, largest);
                var actual = OpCheck.results(three, op, largest);
                for (int i = 0; i < expected.size(); i++) {
                    assertThat(Arrays.mismatch(actual.get(i), expected.get(i)))
                            .as("first difference in result %d of %s %s", i, op.name(), largest)
                            .isEqualTo(-1);
                }
            }
        }
    }
}
