package lorikeet.peft;

import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;
import lorikeet.engine.Tensor;
import lorikeet.kernels.DType;
import lorikeet.kernels.Purpose;

/** A frozen weight that an adapter is merged into, with its original bytes kept on the host. */
final class MergedWeight {
    private final Tensor weight;
    private byte[] original;

    MergedWeight(Tensor weight) {
        this.weight = weight;
    }

    /** Lets {@code change} work on the weight in 32 bits; what is stored in bf16 is rounded once, afterwards. */
    void replace(Consumer<Tensor> change) {
        var device = weight.device();
        original = new byte[Math.toIntExact(weight.data().bytes())];
        device.download(MemorySegment.ofArray(original), weight.data());
        if (weight.dtype() == DType.F32) {
            change.accept(weight);
            return;
        }
        try (var _ = device.memory().scope()) {
            var wide = Tensor.allocate(device, weight.shape(), DType.F32, Purpose.WORKSPACE);
            device.copy(wide.data(), weight.data());
            change.accept(wide);
            device.copy(weight.data(), wide.data());
        }
    }

    void restore() {
        weight.device().upload(weight.data(), MemorySegment.ofArray(original));
        original = null;
    }
}
