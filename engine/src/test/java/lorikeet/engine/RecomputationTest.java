package lorikeet.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import lorikeet.kernels.Devices;
import lorikeet.kernels.Precision;
import lorikeet.kernels.Unary;
import org.junit.jupiter.api.Test;

class RecomputationTest {
    @Test
    void computesAgainOnlyUpToTheLastValueThatBackwardReads() {
        try (var device = Devices.open("cpu", Precision.STRICT, 1); var scope = device.memory().scope()) {
            var weight = Tensor.parameter(device, Shape.of(2, 2), 1, 2, 3, 4);
            weight.freeze();
            var x = Tensor.of(device, Shape.of(1, 2), 0.5f, -0.25f).train();
            var needed = new ArrayList<List<Boolean>>();
            var y = Tensor.recompute(List.of(x), inputs -> {
                var inner = MatMul.linear(inputs.getFirst(), weight, false, null);
                var outer = MatMul.linear(inner.map(Unary.TANH), weight, false, null);
                needed.add(List.of(Recomputation.needs(inner), Recomputation.needs(outer)));
                return inputs.getFirst().plus(outer);
            });
            assertThat(needed).containsExactly(List.of(true, true));
            var gradient = gradient(y, x);
            // tanh's backward reads its input or output, and nothing reads the second product.
            assertThat(needed).containsExactly(List.of(true, true), List.of(true, false));
            x.zeroGradient();
            var inner = MatMul.linear(x, weight, false, null);
            var kept = x.plus(MatMul.linear(inner.map(Unary.TANH), weight, false, null));
            assertThat(gradient(kept, x)).containsExactly(gradient);
            x.freeGradient();
            weight.free();
        }
    }

    private static float[] gradient(Tensor y, Tensor x) {
        y.sum().backward();
        return x.device().downloadFloats(x.gradient());
    }
}
