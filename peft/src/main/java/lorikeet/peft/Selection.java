package lorikeet.peft;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import lorikeet.engine.Tensor;
import lorikeet.model.Decoder;
import lorikeet.model.ModelShape;

/** The methods without new parameters: they choose which of the base's own are trained. */
public sealed interface Selection extends Method permits Selection.Full, Selection.LastLayers, Selection.BitFit {

    /** Whether the parameter called {@code name}, such as {@code h.0.attn.c_attn.bias}, is trained. */
    boolean selects(String name, ModelShape shape);

    @Override
    default Adapter attach(Decoder decoder, long seed) {
        decoder.freeze();
        var selected = new LinkedHashMap<String, Tensor>();
        decoder.parameters().forEach((name, tensor) -> {
            if (selects(name, decoder.shape())) {
                selected.put(name, tensor.train());
            }
        });
        return new Attached(this, decoder, Collections.unmodifiableMap(selected));
    }

    /** A choice of the base's own parameters. */
    record Attached(Selection method, Decoder decoder, Map<String, Tensor> parameters) implements Adapter {
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
    }
}
