package lorikeet.peft;

import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import lorikeet.engine.Tensor;
import lorikeet.model.Decoder;
import lorikeet.model.ModelShape;

/** The methods without new parameters: they choose which of the base's own are trained. */
public sealed interface Selection extends Method
        permits Selection.Full, Selection.LastLayers, Selection.BitFit, Selection.LayerNorms {

    /** Whether the parameter called {@code name}, such as {@code h.0.attn.c_attn.bias}, is trained. */
    boolean selects(String name, ModelShape shape);

    @Override
    default long trainableOfBase(ModelShape shape) {
        return trainable(shape);
    }

    @Override
    default Adapter attach(Decoder decoder, long seed) {
        decoder.freeze();
        var selected = new LinkedHashMap<String, Tensor>();
        decoder.parameters().forEach((name, tensor) -> {
            if (selects(name, decoder.shape())) {
                selected.put(name, tensor);
            }
        });
        var adapter = new Attached(this, decoder, Collections.unmodifiableMap(selected));
        adapter.plug();
        return adapter;
    }

    /** A choice of the base's own parameters. Their own numbers wait on the host while it is unplugged. */
    final class Attached implements Adapter {
        private final Selection method;
        private final Decoder decoder;
        private final Map<String, Tensor> parameters;
        private final Map<String, float[]> waiting = new HashMap<>();

        private Attached(Selection method, Decoder decoder, Map<String, Tensor> parameters) {
            this.method = method;
            this.decoder = decoder;
            this.parameters = parameters;
        }

        @Override
        public Selection method() {
            return method;
        }

        @Override
        public Map<String, Tensor> parameters() {
            return parameters;
        }

        @Override
        public boolean changesBase() {
            return true;
        }

        @Override
        public void plug() {
            parameters.forEach((name, tensor) -> {
                var numbers = waiting.remove(name);
                tensor.train();
                if (numbers != null) {
                    tensor.device().upload(tensor.data(), numbers);
                }
            });
        }

        @Override
        public void unplug() {
            if (waiting.isEmpty()) {
                parameters.forEach((name, tensor) -> waiting.put(name, tensor.toArray()));
                detach();
            }
        }

        @Override
        public void detach() {
            parameters.forEach((name, tensor) -> {
                tensor.freeze();
                decoder.restore(name);
            });
        }
    }

    /** Full fine-tuning: everything is trained, at four times the model's memory. */
    record Full() implements Selection {
        @Override
        public String name() {
            return "full";
        }

        @Override
        public boolean selects(String name, ModelShape shape) {
            return true;
        }

        @Override
        public long trainable(ModelShape shape) {
            return shape.parameters();
        }
    }

    /**
     * Only the last layers, with the layer norm behind them: what lies below becomes a feature extractor.
     *
     * @param layers how many
     */
    record LastLayers(int layers) implements Selection {
        public LastLayers {
            if (layers < 1) {
                throw new IllegalArgumentException("last layers: at least 1, not " + layers);
            }
        }

        @Override
        public String name() {
            return "last-layers";
        }

        @Override
        public boolean selects(String name, ModelShape shape) {
            return name.startsWith("ln_f.")
                    || name.startsWith("h.") && Integer.parseInt(name.split("\\.")[1]) >= shape.layers() - layers;
        }

        @Override
        public long trainable(ModelShape shape) {
            return Math.min(layers, shape.layers()) * shape.blockParameters() + shape.normParameters();
        }
    }

    /** BitFit (Ben Zaken et al. 2021): only biases, those of the layer norms among them. */
    record BitFit() implements Selection {
        @Override
        public String name() {
            return "bitfit";
        }

        @Override
        public boolean selects(String name, ModelShape shape) {
            return name.endsWith(".bias");
        }

        @Override
        public long trainable(ModelShape shape) {
            return shape.biasParameters();
        }
    }

    /** The layer norms, scale and shift (Qi et al. 2022; Zhao et al. 2024). */
    record LayerNorms() implements Selection {
        @Override
        public String name() {
            return "layer-norms";
        }

        @Override
        public boolean selects(String name, ModelShape shape) {
            return name.contains("ln_");
        }

        @Override
        public long trainable(ModelShape shape) {
            return (2L * shape.layers() + 1) * shape.normParameters();
        }
    }
}
