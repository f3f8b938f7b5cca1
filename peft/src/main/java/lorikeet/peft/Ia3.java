package lorikeet.peft;

import java.util.List;
import lorikeet.engine.Initialisation;
import lorikeet.engine.Shape;
import lorikeet.engine.Tensor;
import lorikeet.kernels.DType;
import lorikeet.kernels.Purpose;
import lorikeet.model.Decoder;
import lorikeet.model.Linear;
import lorikeet.model.ModelShape;
import lorikeet.model.Pass;
import lorikeet.model.WeightChanges;

/**
 * (IA)³, "infused adapter by inhibiting and amplifying inner activations" (Liu et al. 2022): one trained vector l for each
 * target scales what goes through it.
 *
 * <pre>h = (x W + b) · l      or, where the input is scaled,      h = (x · l) W + b</pre>
 *
 * l starts at one, so that training starts from the base.
 *
 * @param targets which linear layers
 * @param inputs  those of them whose input is scaled: the MLP's second layer
 */
public record Ia3(Targets targets, NamePattern inputs) implements Method {
    /** LLaMA's keys and values, and its MLP between its layers: likewise. */
    public static final Ia3 USUAL_LLAMA =
            new Ia3(Targets.of("k_proj", "v_proj", "down_proj"), NamePattern.of("down_proj"));
    /** Keys and values with the queries beside them, and the MLP between its layers: Hugging Face PEFT's choice for GPT-2. */
    public static final Ia3 USUAL = new Ia3(Targets.of("c_attn", "mlp.c_proj"), NamePattern.of("mlp.c_proj"));

    @Override
    public String name() {
        return "ia3";
    }

    @Override
    public long trainable(ModelShape shape) {
        return places(shape).stream().mapToLong(this::length).sum();
    }

    @Override
    public Ia3 asGpt2(ModelShape shape) {
        return shape.isGpt2() ? this : new Ia3(targets.asGpt2(shape), USUAL.inputs);
    }

    @Override
    public Adapter attach(Decoder decoder, long seed) {
        return BranchAdapter.attach(this, decoder, adapter -> {
            for (var place : places(decoder.shape())) {
                int length = length(place);
                var scale = adapter.own(place.layer() + ".ia3_l",
                        Initialisation.constant(decoder.device(), Shape.of(length), 1),
                        scalesInput(place) ? Shape.of(1, length) : Shape.of(length, 1));
                adapter.add(new Branch(decoder.linear(place.layer()), scale, scalesInput(place)));
            }
        }, Ia3Config::stored);
    }

    private List<Target> places(ModelShape shape) {
        return Target.requireWhole("IA3", targets.in(shape));
    }

    boolean scalesInput(Target place) {
        return inputs.matches(place.layer());
    }

    private int length(Target place) {
        return scalesInput(place) ? place.in() : place.out();
    }

    /** The vector at one linear layer. */
    record Branch(Linear linear, Tensor scale, boolean scalesInput) implements WeightBranch, Linear.Branch {
        @Override
        public Tensor input(Tensor x, Pass pass) {
            return scalesInput ? x.timesRow(scale) : x;
        }

        @Override
        public Tensor output(Tensor h, Tensor x, Pass pass) {
            return scalesInput ? h : h.timesRow(scale);
        }

        @Override
        public void plug() {
            linear.plug(this);
        }

        @Override
        public void unplug() {
            linear.unplug(this);
        }

        /** Rows of W where the input is scaled, else its columns and the bias. */
        @Override
        public void merge(WeightChanges changes, Object owner) {
            if (scalesInput) {
                changes.apply(owner, linear.weight(), this::scaleRows);
            } else {
                changes.apply(owner, linear.weight(), this::scaleColumns);
                changes.apply(owner, linear.bias(), this::scaleColumns);
            }
        }

        private void scaleColumns(Tensor weight) {
            int columns = weight.shape().columns();
            weight.device().multiplyRow(weight.data(), weight.data(), scale.data(), weight.shape().rows(), columns,
                    false);
        }

        private void scaleRows(Tensor weight) {
            var device = weight.device();
            try (var _ = device.memory().scope()) {
                var factors = device.memory().allocate(DType.F32, weight.size(), Purpose.WORKSPACE);
                device.broadcast(factors, scale.data(), weight.shape().rows(), weight.shape().columns(), 1, false);
                device.multiply(weight.data(), weight.data(), factors, false);
            }
        }
    }
}
