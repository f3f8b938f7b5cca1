package lorikeet.peft;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import lorikeet.engine.Autograd;
import lorikeet.engine.Shape;
import lorikeet.engine.Tensor;
import lorikeet.kernels.Unary;
import lorikeet.model.Decoder;
import lorikeet.model.ModelShape;
import lorikeet.model.Pass;
import lorikeet.model.data.Sequences;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;

/**
 * Prefix tuning (Li and Liang 2021): virtual tokens at every layer. What is learned are not tokens but the keys and values
 * that attention finds in front of those of the real ones.
 *
 * <pre>attention(q, [P_K; k], [P_V; v])      P_K, P_V of each layer: [virtual tokens, width]</pre>
 *
 * In training an MLP may make them from smaller vectors E, which is steadier:
 * <pre>P = tanh(E W₁ᵀ + b₁) W₂ᵀ + b₂         E: [virtual tokens, width]</pre>
 *
 * @param virtualTokens length of the prefix; it takes up context
 * @param projected     whether the MLP makes the prefix
 * @param hidden        numbers inside the MLP; 0 = the model's width. The paper has 512 and 800
 * @param init          a text whose keys and values the prefix starts from, which helps where there are few examples; null =
 *                      at random, E or P from N(0, 1)
 */
public record PrefixTuning(int virtualTokens, boolean projected, int hidden, InitText init) implements PromptLearning {

    public PrefixTuning {
        PromptLearning.requireSome(virtualTokens);
        if (hidden < 0) {
            throw new IllegalArgumentException("prefix: a hidden size of at least 1, not " + hidden);
        }
    }

    @Override
    public String name() {
        return "prefix";
    }

    @Override
    public int columns(ModelShape shape) {
        return shape.layers() * 2 * shape.keyValueWidth();
    }

    @Override
    public long trainable(ModelShape shape) {
        int width = shape.keyValueWidth();
        int inner = hidden(shape);
        return projected
                ? (long) virtualTokens * width + Dense.size(width, inner) + Dense.size(inner, columns(shape))
                : (long) virtualTokens * columns(shape);
    }

    /** Numbers inside the MLP for a decoder of this shape. */
    int hidden(ModelShape shape) {
        return hidden == 0 ? shape.keyValueWidth() : hidden;
    }

    @Override
    public boolean reparametrised() {
        return projected;
    }

    @Override
    public PromptEncoder encoder(Decoder decoder, long seed) {
        var device = decoder.device();
        var shape = decoder.shape();
        var start = init == null ? null : keysAndValues(decoder, init.tokens(virtualTokens));
        if (!projected) {
            return new PromptEncoder.Table(start == null
                    ? PromptEncoder.normalTable(device, virtualTokens, columns(shape), seed)
                    : Tensor.parameter(device, Shape.of(virtualTokens, columns(shape)), start));
        }
        int width = shape.keyValueWidth();
        int inner = hidden(shape);
        var projection = new Projection(PromptEncoder.normalTable(device, virtualTokens, width, seed),
                Dense.uniform(device, "prompt_encoder.transform.0", width, inner, seed),
                Dense.uniform(device, "prompt_encoder.transform.2", inner, columns(shape), seed));
        if (start != null) {
            projection.aimAt(start);
        }
        return projection;
    }

    /** What the keys and values of all layers are while the model reads {@code tokens}: [tokens, columns]. */
    private float[] keysAndValues(Decoder decoder, int[] tokens) {
        int width = 2 * decoder.shape().keyValueWidth();
        int layers = decoder.shape().layers();
        int before = decoder.virtualTokens();
        var vectors = new float[tokens.length * layers * width];
        try (var cache = decoder.cache(1, before + tokens.length); var _ = decoder.device().memory().scope()) {
            decoder.hidden(Sequences.of(List.of(tokens)), cache);
            for (int layer = 0; layer < layers; layer++) {
                var rows = cache.layer(layer).toArray();
                for (int t = 0; t < tokens.length; t++) {
                    System.arraycopy(rows, (before + t) * width, vectors, (t * layers + layer) * width, width);
                }
            }
        }
        return vectors;
    }

    /** The MLP that makes the prefix while it is trained. */
    private record Projection(Tensor table, Dense in, Dense out) implements PromptEncoder {
        @Override
        public Tensor vectors(Pass pass) {
            return out.forward(hidden());
        }

        private Tensor hidden() {
            return in.forward(table).map(Unary.TANH);
        }

        /**
         * Changes W₂ as little as possible so that {@code vectors} come out, or what is nearest to them where there are more
         * of them than hidden numbers. The authors train 500 steps towards them instead.
         */
        void aimAt(float[] vectors) {
            int tokens = table.shape().rows();
            int columns = out.weight().shape().rows();
            int inner = out.weight().shape().columns();
            try (var _ = table.device().memory().scope()) {
                var missing = new DMatrixRMaj(columns, tokens); // (vectors − what comes out)ᵀ
                var now = Autograd.off(() -> vectors(Pass.EVALUATION)).toArray();
                for (int i = 0; i < now.length; i++) {
                    missing.set(i % columns, i / columns, vectors[i] - now[i]);
                }
                var h = HostMatrix.of(Autograd.off(this::hidden).toArray(), tokens, inner);
                var inverse = new DMatrixRMaj(inner, tokens);
                CommonOps_DDRM.pinv(h, inverse);
                var weight = HostMatrix.of(out.weight().toArray(), columns, inner);
                CommonOps_DDRM.multAddTransB(missing, inverse, weight); // W₂ + missing (H⁺)ᵀ
                var values = new float[columns * inner];
                for (int i = 0; i < values.length; i++) {
                    values[i] = (float) weight.get(i);
                }
                table.device().upload(out.weight().data(), values);
            }
        }

        @Override
        public Map<String, Tensor> parameters() {
            var parameters = new LinkedHashMap<>(Map.of(TABLE, table));
            in.addTo(parameters);
            out.addTo(parameters);
            return parameters;
        }
    }
}
