package lorikeet.peft;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import lorikeet.engine.Autograd;
import lorikeet.engine.Shape;
import lorikeet.engine.Tensor;
import lorikeet.model.Decoder;
import lorikeet.model.InputPrompt;
import lorikeet.model.KeyValuePrefix;
import lorikeet.model.ModelShape;
import lorikeet.model.Pass;

/** Virtual tokens in front of a decoder's sequences. */
public final class VirtualTokens implements Adapter {
    private final PromptLearning method;
    private final Decoder decoder;
    private final PromptEncoder encoder;
    private boolean plugged;

    /** Freezes the decoder and stands in front of its sequences from now on. */
    VirtualTokens(PromptLearning method, Decoder decoder, PromptEncoder encoder) {
        this.method = method;
        this.decoder = decoder;
        this.encoder = encoder;
        decoder.freeze();
        plug();
    }

    @Override
    public PromptLearning method() {
        return method;
    }

    @Override
    public Map<String, Tensor> parameters() {
        return encoder.parameters();
    }

    /** Whether a network makes the vectors here: not where it was dropped before they came. */
    public boolean reparametrised() {
        return !(encoder instanceof PromptEncoder.Table);
    }

    /** The vectors as they are now, [virtual tokens, columns]: all that is needed once training is over. */
    public float[] vectors() {
        try (var _ = decoder.device().memory().scope()) {
            return Autograd.off(() -> encoder.vectors(Pass.EVALUATION)).toArray();
        }
    }

    /** Of the decoder in whose sequences these stand. */
    ModelShape shape() {
        return decoder.shape();
    }

    @Override
    public Stored stored() {
        var rows = Shape.of(method.virtualTokens(), method.columns(shape()));
        return new Stored(method, Map.of(PromptLearningFolder.VECTORS, new Stored.Values(rows, vectors())));
    }

    @Override
    public void plug() {
        if (!plugged) {
            method.requireNoneInFront(decoder);
            switch (method) {
                case PrefixTuning _ -> decoder.plug(new Prefix());
                case PromptTuning _,PTuning _ -> decoder.plug(new Prompt());
            }
            plugged = true;
        }
    }

    @Override
    public void unplug() {
        if (plugged) {
            switch (method) {
                case PrefixTuning _ -> decoder.plug((KeyValuePrefix) null);
                case PromptTuning _,PTuning _ -> decoder.plug((InputPrompt) null);
            }
            plugged = false;
        }
    }

    @Override
    public void detach() {
        unplug();
        parameters().values().forEach(Tensor::free);
    }

    /** In front of the embedded sequence. */
    private final class Prompt implements InputPrompt {
        @Override
        public int length() {
            return method.virtualTokens();
        }

        @Override
        public Tensor vectors(Pass pass) {
            return encoder.vectors(pass);
        }
    }

    /** In front of every layer's keys and values. A vector is layer 0's key, layer 0's value, layer 1's key, …. */
    private final class Prefix implements KeyValuePrefix {
        @Override
        public int length() {
            return method.virtualTokens();
        }

        @Override
        public List<Tensor> keyValues(Pass pass) {
            var vectors = encoder.vectors(pass);
            int width = 2 * decoder.shape().keyValueWidth();
            var layers = new ArrayList<Tensor>();
            for (int layer = 0; layer < decoder.shape().layers(); layer++) {
                layers.add(vectors.slice(1, layer * width, width));
            }
            return layers;
        }
    }
}
