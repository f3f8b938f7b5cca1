package lorikeet.engine;

import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import lorikeet.kernels.Buffer;
import lorikeet.kernels.DType;
import lorikeet.kernels.Device;
import lorikeet.kernels.Purpose;

/** What every optimizer step does around its update rule: norm and clip factor before, one read and clean-up after. */
final class OptimizerStep {
    private OptimizerStep() {}

    static Optimizer.Outcome run(List<Tensor> parameters, Tensor loss, float maxNorm, Consumer<Buffer> update) {
        var device = loss.device();
        var gradients = parameters.stream().map(Tensor::gradient).filter(Objects::nonNull).toList();
        try (var _ = device.memory().scope()) {
            var control = device.memory().allocate(DType.F32, Device.CONTROL_SIZE, Purpose.WORKSPACE);
            device.gradientNorm(control, gradients, loss.data(), maxNorm);
            update.accept(control);
            var lossAndControl = device.memory().allocate(DType.F32, Device.CONTROL_SIZE + 1, Purpose.WORKSPACE);
            device.copy(lossAndControl.slice(0, 1), loss.data());
            device.copy(lossAndControl.slice(1, Device.CONTROL_SIZE), control);
            var read = device.downloadFloats(lossAndControl);
            parameters.forEach(Tensor::zeroGradient);
            return new Optimizer.Outcome(read[0], read[1 + Device.CONTROL_NORM], read[1 + Device.CONTROL_FINITE] == 1);
        }
    }
}
