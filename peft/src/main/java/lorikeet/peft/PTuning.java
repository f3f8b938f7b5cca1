package lorikeet.peft;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import lorikeet.engine.Tensor;
import lorikeet.kernels.Device;
import lorikeet.kernels.Unary;
import lorikeet.model.Decoder;
import lorikeet.model.ModelShape;
import lorikeet.model.Pass;

/**
 * P-tuning (Liu et al. 2021): a soft prompt whose vectors depend on each other, since they stand in a sequence. A network
 * makes them from a table E and is not needed any more once it is trained.
 *
 * <pre>P = MLP(LSTM(E))  or  MLP(E)      E, P: [virtual tokens, width]</pre>
 *
 * The LSTM runs in both directions; behind it stand two linear layers with a ReLU between, behind E alone three. With an
 * LSTM of half the model's width this is the authors' network; Hugging Face PEFT makes it as wide as the model. The authors
 * place virtual tokens inside a template, here they stand in front.
 *
 * @param virtualTokens rows of P; they take up context
 * @param encoder       which network
 * @param hidden        numbers inside it, per direction for the LSTM; 0 = the model's width
 * @param depth         layers of the LSTM
 * @param dropout       between the layers of the LSTM, in training
 */
public record PTuning(int virtualTokens, Encoder encoder, int hidden, int depth,
        float dropout) implements PromptLearning {

    /** What makes the vectors. */
    public enum Encoder {
        MLP,
        LSTM
    }

    public PTuning {
        PromptLearning.requireSome(virtualTokens);
        if (hidden < 0 || depth < 1 || !(dropout >= 0 && dropout < 1)) {
            throw new IllegalArgumentException("p-tuning: hidden size " + hidden + ", " + depth + " layers, dropout "
                    + dropout + "; expected at least 1, at least 1, and a share below 1");
        }
    }

    @Override
    public String name() {
        return "p-tuning";
    }

    @Override
    public int columns(ModelShape shape) {
        return shape.width();
    }

    @Override
    public long trainable(ModelShape shape) {
        int width = shape.width();
        int inner = hidden(shape);
        return (long) virtualTokens * width + switch (encoder) {
            case MLP -> Dense.size(width, inner) + Dense.size(inner, inner) + Dense.size(inner, width);
            case LSTM -> Lstm.size(width, inner, depth) + Dense.size(2L * inner, 2L * inner)
                    + Dense.size(2L * inner, width);
        };
    }

    /** Numbers inside the network for a decoder of this shape. */
    int hidden(ModelShape shape) {
        return hidden == 0 ? shape.width() : hidden;
    }

    @Override
    public boolean reparametrised() {
        return true;
    }

    @Override
    public PromptEncoder encoder(Decoder decoder, long seed) {
        var device = decoder.device();
        int width = decoder.shape().width();
        int inner = hidden(decoder.shape());
        var table = PromptEncoder.normalTable(device, virtualTokens, width, seed);
        return switch (encoder) {
            case MLP -> new Network(table, null, 0, head(device, seed, width, inner, inner, width));
            case LSTM -> new Network(table, new Lstm(device, width, inner, depth, seed), dropout,
                    head(device, seed, 2 * inner, 2 * inner, width));
        };
    }

    /** Linear layers from each width to the next; between them stand ReLUs, which count in their names. */
    private static List<Dense> head(Device device, long seed, int... widths) {
        var name = "prompt_encoder.mlp_head.";
        return IntStream.range(0, widths.length - 1)
                .mapToObj(i -> Dense.uniform(device, name + 2 * i, widths[i], widths[i + 1], seed)).toList();
    }

    /** The network, with or without an LSTM. */
    private record Network(Tensor table, Lstm lstm, float dropout, List<Dense> head) implements PromptEncoder {
        @Override
        public Tensor vectors(Pass pass) {
            var x = lstm == null ? table : lstm.forward(table, dropout, pass);
            for (var layer : head) {
                x = layer.forward(layer == head.getFirst() ? x : x.map(Unary.RELU));
            }
            return x;
        }

        @Override
        public Map<String, Tensor> parameters() {
            var parameters = new LinkedHashMap<>(Map.of(TABLE, table));
            if (lstm != null) {
                lstm.addTo(parameters);
            }
            head.forEach(layer -> layer.addTo(parameters));
            return parameters;
        }
    }
}
