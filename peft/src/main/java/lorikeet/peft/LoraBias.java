package lorikeet.peft;

import java.util.List;
import lorikeet.engine.Tensor;
import lorikeet.model.Decoder;
import lorikeet.model.ModelShape;
import lorikeet.model.WeightChanges;

/** Which biases of the base LoRA trains besides. */
public enum LoraBias {
    NONE,
    /** All, those of the layer norms among them. */
    ALL,
    /** Those of the layers that have a branch. */
    LORA_ONLY;

    private static final String BIAS = ".bias";
    /** Where Hugging Face PEFT has the bias of a layer that has a branch. */
    private static final String WRAPPED = ".base_layer.bias";

    long count(ModelShape shape, List<Target> places) {
        return switch (this) {
            case NONE -> 0;
            case ALL -> shape.biasParameters();
            case LORA_ONLY -> !shape.biases()
                    ? 0
                    : shape.linears().stream().filter(layer -> isTarget(places, layer.name()))
                            .mapToLong(ModelShape.Layer::out).sum();
        };
    }

    void addTo(BranchAdapter adapter, Decoder decoder, List<Target> places) {
        if (this != NONE) {
            decoder.parameters().forEach((name, bias) -> {
                var layer = name.endsWith(BIAS) ? name.substring(0, name.length() - BIAS.length()) : null;
                boolean wrapped = layer != null && isTarget(places, layer);
                if (wrapped || layer != null && this == ALL) {
                    adapter.borrow(wrapped ? layer + WRAPPED : name, bias);
                    adapter.add(new Trained(bias, decoder.changes()));
                }
            });
        }
    }

    private static boolean isTarget(List<Target> places, String layer) {
        return places.stream().anyMatch(place -> place.layer().equals(layer));
    }

    /** A bias of the base that is trained. Its own numbers wait on the host while it is unplugged. */
    private static final class Trained implements WeightBranch {
        private final Tensor bias;
        private final WeightChanges changes;
        private float[] numbers;

        Trained(Tensor bias, WeightChanges changes) {
            this.bias = bias;
            this.changes = changes;
            numbers = bias.toArray();
        }

        @Override
        public void plug() {
            changes.apply(this, bias, tensor -> tensor.device().upload(tensor.data(), numbers));
            bias.train();
        }

        @Override
        public void unplug() {
            numbers = bias.toArray();
            bias.freeze();
            changes.undo(this);
        }

        @Override
        public void merge(WeightChanges to, Object owner) {
            to.apply(owner, bias, tensor -> tensor.device().upload(tensor.data(), numbers));
        }

        @Override
        public boolean changesBase() {
            return true;
        }
    }
}
