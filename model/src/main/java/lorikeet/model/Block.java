package lorikeet.model;

import java.util.ArrayList;
import java.util.List;
import lorikeet.engine.Attention;
import lorikeet.engine.Autograd;
import lorikeet.engine.Tensor;
import lorikeet.kernels.RandomKey;
import lorikeet.kernels.Spans;

/** One layer of the decoder: attention, then an MLP, each on a normalised copy of the stream and added back to it. */
public final class Block {
    private static final int RANDOM_SITES = 4;

    private final int layer;
    private final ModelShape shape;
    private final Dropouts dropouts;
    private final LayerNorm norm1;
    private final Linear attentionIn;
    private final Linear attentionOut;
    private final LayerNorm norm2;
    private final Linear mlpIn;
    private final Linear mlpOut;
    private final Sublayer afterAttention = new Sublayer();
    private final Sublayer afterMlp = new Sublayer();

    Block(int layer, ModelShape shape, Dropouts dropouts, LayerNorm norm1, Linear attentionIn, Linear attentionOut,
            LayerNorm norm2, Linear mlpIn, Linear mlpOut) {
        this.layer = layer;
        this.shape = shape;
        this.dropouts = dropouts;
        this.norm1 = norm1;
        this.attentionIn = attentionIn;
        this.attentionOut = attentionOut;
        this.norm2 = norm2;
        this.mlpIn = mlpIn;
        this.mlpOut = mlpOut;
    }

    /** The socket on the output of attention. */
    public Sublayer afterAttention() {
        return afterAttention;
    }

    /** The socket on the output of the MLP. */
    public Sublayer afterMlp() {
        return afterMlp;
    }

    /** What a layer attends to besides its own tokens: rows in front, and a cache to be continued. */
    record Context(Spans spans, Tensor prefix, KeyValueCache cache, Tensor cacheRows) {}

    /**
     * @param x [tokens, width]
     * @return [tokens, width]
     */
    Tensor forward(Tensor x, Context context, Pass pass) {
        return Autograd.scope(x.device(), () -> {
            var attended = Autograd.scope(x.device(), () -> attend(norm1.forward(x), context, pass));
            var h = norm2.ofSum(x, attended);
            return h.sum().plus(Autograd.scope(x.device(), () -> mlp(h.normed(), pass)));
        });
    }

    /** The same as {@link #forward}, but keeping only {@code x} for backward. */
    Tensor recompute(Tensor x, Context context, Pass pass) {
        var inputs = new ArrayList<>(List.of(x, Attention.table(context.spans)));
        if (context.prefix != null) {
            inputs.add(context.prefix);
        }
        return Tensor.recompute(inputs, again -> {
            var prefix = context.prefix == null ? null : again.getLast();
            return forward(again.getFirst(), new Context(context.spans, prefix, context.cache, context.cacheRows),
                    pass);
        });
    }

    private Tensor attend(Tensor x, Context context, Pass pass) {
        var qkv = attentionIn.forward(x, pass); // [tokens, width + 2 · keyValueWidth]
        var attention = shape.attention(layer, pass.dropout(dropouts.attention()), site(pass, 0));
        var mixed = Attention.attention(qkv, context.prefix, context.spans, attention); // [tokens, width]
        if (context.cache != null) {
            var keyValues = qkv.matrix().columns(shape.width(), 2 * shape.keyValueWidth());
            context.cache.append(layer, keyValues, context.cacheRows);
        }
        var output = attentionOut.forward(mixed, pass).dropout(pass.dropout(dropouts.residual()), site(pass, 1));
        return afterAttention.apply(output, x, pass);
    }

    private Tensor mlp(Tensor x, Pass pass) {
        var inner = mlpIn.forward(x, pass, shape.activation()); // [tokens, inner]
        var output = mlpOut.forward(inner, pass).dropout(pass.dropout(dropouts.residual()), site(pass, 2));
        return afterMlp.apply(output, x, pass);
    }

    private RandomKey site(Pass pass, int site) {
        return pass.key().at(layer * RANDOM_SITES + site);
    }
}
