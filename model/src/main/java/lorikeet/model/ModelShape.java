package lorikeet.model;

import java.util.ArrayList;
import java.util.List;
import lorikeet.kernels.AttentionShape;
import lorikeet.kernels.RandomKey;
import lorikeet.kernels.Unary;

/**
 * The shape of a decoder: everything that decides how many parameters there are and what is computed with them.
 *
 * @param vocabulary       token kinds
 * @param context          most tokens in a sequence, virtual ones included
 * @param width            numbers per token between blocks
 * @param layers           blocks
 * @param heads            attention heads; they share the width
 * @param keyValueHeads    heads of keys and values, fewer than {@code heads} where groups share them
 * @param inner            width inside the MLP
 * @param activation       non-linearity inside the MLP
 * @param gated            whether the MLP multiplies the activation by a second projection, as LLaMA does
 * @param norm             kind of normalisation
 * @param epsilon          added to variances in it
 * @param positions        how tokens know where they stand
 * @param biases           whether linear layers have biases
 * @param tied             whether the output layer is the token embedding
 * @param scaleScores      whether attention scores are divided by √headSize
 * @param scaleByLayer     whether attention scores are divided by the layer's number, from 1, as well
 */
public record ModelShape(int vocabulary, int context, int width, int layers, int heads, int keyValueHeads, int inner,
        Unary activation, boolean gated, Norm norm, float epsilon, Positions positions, boolean biases, boolean tied,
        boolean scaleScores, boolean scaleByLayer) {

    /** Kinds of normalisation. */
    public enum Norm {
        LAYER_NORM,
        RMS_NORM
    }

    /** Kinds of position. */
    public enum Positions {
        /** A learned vector for each position, added to the token's. */
        LEARNED,
        /** Queries and keys rotated by an angle that grows with the position; no parameters. */
        ROTARY
    }

    public ModelShape {
        if (width % heads != 0) {
            throw new IllegalArgumentException("width " + width + " cannot be shared by " + heads + " heads");
        }
    }

    /** The GPT-2 family: layer norm, learned positions, biases, 4 · width inside the MLP, tanh-approximated GELU, tied. */
    public static ModelShape gpt2(int vocabulary, int context, int width, int layers, int heads) {
        return new ModelShape(vocabulary, context, width, layers, heads, heads, 4 * width, Unary.GELU_TANH, false,
                Norm.LAYER_NORM, 1e-5f, Positions.LEARNED, true, true, true, false);
    }

    /**
     * The LLaMA family: RMS norm, rotary positions, no biases, a gated MLP with SiLU, an output layer of its own.
     *
     * @param keyValueHeads as many as {@code heads}, or fewer, as Mistral has it
     */
    public static ModelShape llama(int vocabulary, int context, int width, int layers, int heads, int keyValueHeads,
            int inner) {
        return new ModelShape(vocabulary, context, width, layers, heads, keyValueHeads, inner, Unary.SILU, true,
                Norm.RMS_NORM, 1e-5f, Positions.ROTARY, false, false, true, false);
    }

    /** Whether it is of GPT-2's kind, the one that {@link Decoder} runs; others can be planned. */
    public boolean isGpt2() {
        return norm == Norm.LAYER_NORM && positions == Positions.LEARNED && biases && !gated;
    }

    /**
     * The shape of GPT-2's kind whose activations come nearest to this one's: layers as wide, the gate of a gated MLP counted
     * into its inner width.
     */
    public ModelShape asGpt2() {
        return isGpt2()
                ? this
                : new ModelShape(vocabulary, context, width, layers, heads, keyValueHeads, gated ? 2 * inner : inner,
                        activation, false, Norm.LAYER_NORM, epsilon, Positions.LEARNED, true, tied, scaleScores,
                        scaleByLayer);
    }

    /** Numbers per attention head. */
    public int headSize() {
        return width / heads;
    }

    /** Numbers per token in the keys of a layer, and as many in its values. */
    public int keyValueWidth() {
        return keyValueHeads * headSize();
    }

    /** The attention of {@code layer}, counted from 0. */
    AttentionShape attention(int layer, float dropout, RandomKey key) {
        double scale = scaleScores ? 1 / Math.sqrt(headSize()) : 1;
        return new AttentionShape(heads, keyValueHeads, headSize(),
                (float) (scaleByLayer ? scale / (layer + 1) : scale),
                dropout, key);
    }

    /** Number of parameters of the whole decoder, the tied output layer not counted twice. */
    public long parameters() {
        long embeddings = (long) vocabulary * width * (tied ? 1 : 2)
                + (positions == Positions.LEARNED ? (long) context * width : 0);
        return embeddings + layers * blockParameters() + normParameters();
    }

    /** Of these, in each block. */
    public long blockParameters() {
        long attention = linear(width, width + 2L * keyValueWidth()) + linear(width, width);
        long mlp = linear(width, (gated ? 2L : 1L) * inner) + linear(inner, width);
        return attention + mlp + 2 * normParameters();
    }

    /** Of these, in each normalisation. */
    public long normParameters() {
        return norm == Norm.LAYER_NORM ? 2L * width : width;
    }

    /** Of these, biases, the shifts of layer norms among them. */
    public long biasParameters() {
        long ofLinears = biases ? linears().stream().mapToLong(Layer::out).sum() : 0;
        return ofLinears + (norm == Norm.LAYER_NORM ? (2L * layers + 1) * width : 0);
    }

    /** Of these, numbers in vectors rather than matrices: biases, and the scales of norms. */
    public long vectorParameters() {
        return biasParameters() + (2L * layers + 1) * width;
    }

    /**
     * A linear layer.
     *
     * @param name such as {@code h.0.attn.c_attn}
     */
    public record Layer(String name, int in, int out) {}

    /**
     * All linear layers of the blocks, in order; the output layer is not among them. GPT-2 has one for queries, keys and
     * values together and is named after its files, all else is named after LLaMA's.
     */
    public List<Layer> linears() {
        var all = new ArrayList<Layer>();
        for (int layer = 0; layer < layers; layer++) {
            all.addAll(isGpt2() ? gpt2Linears("h." + layer + ".") : llamaLinears("layers." + layer + "."));
        }
        return all;
    }

    private List<Layer> gpt2Linears(String at) {
        return List.of(new Layer(at + "attn.c_attn", width, width + 2 * keyValueWidth()),
                new Layer(at + "attn.c_proj", width, width),
                new Layer(at + "mlp.c_fc", width, inner),
                new Layer(at + "mlp.c_proj", inner, width));
    }

    private List<Layer> llamaLinears(String at) {
        var all = new ArrayList<>(List.of(new Layer(at + "self_attn.q_proj", width, width),
                new Layer(at + "self_attn.k_proj", width, keyValueWidth()),
                new Layer(at + "self_attn.v_proj", width, keyValueWidth()),
                new Layer(at + "self_attn.o_proj", width, width)));
        if (gated) {
            all.add(new Layer(at + "mlp.gate_proj", width, inner));
        }
        all.add(new Layer(at + "mlp.up_proj", width, inner));
        all.add(new Layer(at + "mlp.down_proj", inner, width));
        return all;
    }

    private long linear(long in, long out) {
        return in * out + (biases ? out : 0);
    }
}
