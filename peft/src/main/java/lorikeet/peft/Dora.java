package lorikeet.peft;

import java.util.List;
import lorikeet.engine.Autograd;
import lorikeet.engine.Shape;
import lorikeet.engine.Tensor;
import lorikeet.kernels.Buffer;
import lorikeet.kernels.DType;
import lorikeet.kernels.Purpose;
import lorikeet.kernels.Unary;
import lorikeet.model.Decoder;
import lorikeet.model.Linear;
import lorikeet.model.ModelShape;
import lorikeet.model.Pass;
import lorikeet.model.WeightChanges;

/**
 * DoRA, weight-decomposed low-rank adaptation (Liu et al. 2024): LoRA turns each column of W, which makes one output, and a
 * trained magnitude m gives it its length.
 *
 * <pre>h = x V · m / ‖V‖ + b      V = W + scale · (B A)ᵀ, ‖·‖ column by column</pre>
 *
 * m starts at ‖W‖, so that training starts from the base. As the paper proposes, gradients take ‖V‖ for a constant. Dropout
 * acts on what A reads.
 *
 * @param lora the options of the turning part
 */
public record Dora(Lora lora) implements Method {

    @Override
    public String name() {
        return "dora";
    }

    @Override
    public long trainable(ModelShape shape) {
        return lora.trainable(shape) + places(shape).stream().mapToLong(Target::out).sum();
    }

    @Override
    public long trainableOfBase(ModelShape shape) {
        return lora.trainableOfBase(shape);
    }

    @Override
    public Dora asGpt2(ModelShape shape) {
        return new Dora(lora.asGpt2(shape));
    }

    @Override
    public float rateFactor(String parameter) {
        return lora.rateFactor(parameter);
    }

    @Override
    public Adapter attach(Decoder decoder, long seed) {
        return BranchAdapter.attach(this, decoder, adapter -> {
            var places = places(decoder.shape());
            for (int i = 0; i < places.size(); i++) {
                var direction = new Lora.Branch(lora, adapter, decoder, places.get(i), seed, i);
                adapter.add(new Branch(direction, adapter));
            }
            lora.variant().bias().addTo(adapter, decoder, places);
        }, LoraStored::of);
    }

    private List<Target> places(ModelShape shape) {
        return Target.requireWhole("DoRA", lora.places(shape));
    }

    /** LoRA's branch with a magnitude. */
    static final class Branch implements WeightBranch, Linear.Branch {
        final Lora.Branch direction;
        final Tensor magnitude;
        private final Tensor weight;

        Branch(Lora.Branch direction, BranchAdapter adapter) {
            this.direction = direction;
            weight = direction.linear.weight();
            var device = weight.device();
            try (var _ = device.memory().scope()) {
                var v = copyOfWeight();
                magnitude = adapter.own(direction.place.layer() + ".lora_magnitude_vector",
                        Tensor.parameter(device, Shape.of(direction.linear.out()), norms(v, v.data()).toArray()));
            }
        }

        @Override
        public Tensor output(Tensor h, Tensor x, Pass pass) {
            var turned = direction.output(h, x, pass); // x V + b
            var ratio = magnitude.dividedBy(Autograd.scope(weight.device(), this::norms)); // [out]
            var bias = direction.linear.bias();
            return turned.timesRow(ratio).plusRow(bias.plus(bias.times(ratio).times(-1))); // the bias is not scaled
        }

        /** ‖V‖ column by column, [out]. */
        private Tensor norms() {
            var v = copyOfWeight();
            direction.addTo(v);
            return norms(v, v.data());
        }

        private Tensor copyOfWeight() {
            var device = weight.device();
            var copy = Tensor.allocate(device, weight.shape(), DType.F32, Purpose.WORKSPACE);
            device.copy(copy.data(), weight.data());
            return copy;
        }

        /** @param squares gets the squares of v; may be v itself */
        private static Tensor norms(Tensor v, Buffer squares) {
            var device = v.device();
            int out = v.shape().columns();
            var norms = Tensor.allocate(device, Shape.of(out), DType.F32, Purpose.ACTIVATIONS);
            device.multiply(squares, v.data(), v.data(), false);
            device.sum(norms.data(), squares, 1, v.shape().rows(), out, false);
            device.unary(Unary.SQRT, norms.data(), norms.data());
            return norms;
        }

        @Override
        public void plug() {
            direction.linear.plug(this);
        }

        @Override
        public void unplug() {
            direction.linear.unplug(this);
        }

        /** V · m / ‖V‖. */
        @Override
        public void merge(WeightChanges changes, Object owner) {
            changes.apply(owner, weight, v -> {
                var device = v.device();
                direction.addTo(v);
                try (var _ = device.memory().scope()) {
                    var squares = device.memory().allocate(DType.F32, v.size(), Purpose.WORKSPACE);
                    var ratio = Autograd.off(() -> magnitude.dividedBy(norms(v, squares)));
                    device.multiplyRow(v.data(), v.data(), ratio.data(), v.shape().rows(), v.shape().columns(), false);
                }
            });
        }
    }
}
