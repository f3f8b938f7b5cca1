package lorikeet.model;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import lorikeet.engine.Autograd;
import lorikeet.engine.CrossEntropy;
import lorikeet.engine.Embedding;
import lorikeet.engine.Tensor;
import lorikeet.kernels.DType;
import lorikeet.kernels.Device;
import lorikeet.kernels.Purpose;
import lorikeet.model.data.Sequences;

/**
 * A GPT-2-style decoder (Radford et al. 2019): token and position embeddings, a stack of {@linkplain Block blocks}, a last
 * layer norm, and an output layer that is usually the token embedding again. It knows nothing of fine-tuning methods, but has
 * sockets where they plug in: beside each {@link Linear}, on the output of each {@link Sublayer}, in front of the keys and
 * values ({@link KeyValuePrefix}) and in front of the embedded sequence ({@link InputPrompt}).
 */
public final class Decoder implements AutoCloseable {
    /** Random site of the embedding's dropout; blocks count from 0. */
    private static final int EMBEDDING_SITE = -1;

    private final Device device;
    private final ModelShape shape;
    private final Dropouts dropouts;
    private final Map<String, Tensor> parameters;
    private final List<Linear> linears = new ArrayList<>();
    private final TokenEmbedding embedding;
    private final Tensor positionEmbedding;
    private final List<Block> blocks = new ArrayList<>();
    private final LayerNorm lastNorm;
    private final Tensor head;
    private final Original original;
    private final WeightChanges changes = new WeightChanges();
    private KeyValuePrefix prefix;
    private InputPrompt prompt;

    /** Where the base's parameters came from. */
    public interface Original {
        /** Puts the original numbers of the parameter called {@code name} back. */
        void restore(String name, Tensor parameter);

        /** Is told when the decoder needs it no more. */
        default void close() {}
    }

    /**
     * @param parameters by their names in Hugging Face's GPT-2 without "transformer.": wte.weight [vocabulary, width],
     *                   wpe.weight [context, width], h.0.ln_1.weight, h.0.attn.c_attn.weight [width, 3 width], …,
     *                   ln_f.bias, and lm_head.weight [vocabulary, width] if untied. The decoder owns them from now on.
     * @param original   how {@link #restore} gets at their first numbers
     */
    public Decoder(Device device, ModelShape shape, Dropouts dropouts, Map<String, Tensor> parameters,
            Original original) {
        if (!shape.isGpt2()) {
            throw new IllegalArgumentException("a decoder of GPT-2's kind is needed, not " + shape);
        }
        this.original = original;
        this.device = device;
        this.shape = shape;
        this.dropouts = dropouts;
        this.parameters = new LinkedHashMap<>(parameters);
        embedding = new TokenEmbedding(parameter(TokenEmbedding.NAME + ".weight"));
        positionEmbedding = parameter("wpe.weight");
        for (int layer = 0; layer < shape.layers(); layer++) {
            var at = "h." + layer + ".";
            blocks.add(new Block(layer, shape, dropouts, norm(at + "ln_1"), newLinear(at + "attn.c_attn"),
                    newLinear(at + "attn.c_proj"), norm(at + "ln_2"), newLinear(at + "mlp.c_fc"),
                    newLinear(at + "mlp.c_proj")));
        }
        lastNorm = norm("ln_f");
        head = shape.tied() ? embedding.weight() : parameter("lm_head.weight");
    }

    /**
     * A decoder whose numbers are whatever its memory held: for a {@link lorikeet.kernels.DryDevice}, which has none.
     *
     * @param matrices how matrices are stored
     * @param inFile   whether to behave as if F32 parameters could be read in a file, too
     */
    public static Decoder empty(Device device, ModelShape shape, Dropouts dropouts, DType matrices, boolean inFile) {
        var parameters = new LinkedHashMap<String, Tensor>();
        ModelFolder.expectedShapes(shape).forEach((name, dims) -> {
            var dtype = dims.rank() == 2 ? matrices : DType.F32;
            var parameter = Tensor.allocate(device, dims, dtype, Purpose.WEIGHTS);
            parameters.put(name, dtype == DType.F32 ? parameter.train() : parameter);
            if (inFile && dtype == DType.F32) {
                parameter.data().setOriginal(MemorySegment.NULL);
            }
        });
        return new Decoder(device, shape, dropouts, parameters, (_, _) -> {});
    }

    private Tensor parameter(String name) {
        var parameter = parameters.get(name);
        if (parameter == null) {
            throw new IllegalArgumentException("the model has no parameter " + name);
        }
        return parameter;
    }

    private LayerNorm norm(String name) {
        return new LayerNorm(parameter(name + ".weight"), parameter(name + ".bias"), shape.epsilon());
    }

    private Linear newLinear(String name) {
        var linear = new Linear(name, parameter(name + ".weight"), parameter(name + ".bias"));
        linears.add(linear);
        return linear;
    }

    // ---- parts -------------------------------------------------------------------------------------------------------

    public Device device() {
        return device;
    }

    public ModelShape shape() {
        return shape;
    }

    /** All parameters of the base by name, in the order of the layers. */
    public Map<String, Tensor> parameters() {
        return Collections.unmodifiableMap(parameters);
    }

    /** All linear layers of the blocks, in order; the output layer is not among them. */
    public List<Linear> linears() {
        return Collections.unmodifiableList(linears);
    }

    public List<Block> blocks() {
        return Collections.unmodifiableList(blocks);
    }

    /** The linear layer called {@code name}, such as {@code h.0.attn.c_attn}. */
    public Linear linear(String name) {
        return linears.stream().filter(linear -> linear.name().equals(name)).findAny().orElseThrow(
                () -> new IllegalArgumentException("the model has no linear layer " + name));
    }

    /** [vocabulary, width]. */
    public Tensor tokenEmbedding() {
        return embedding.weight();
    }

    /** The token embedding with its socket. */
    public TokenEmbedding embedding() {
        return embedding;
    }

    /** What has been written into the base's weights and can be taken back. */
    public WeightChanges changes() {
        return changes;
    }

    /** Puts keys and values in front of every layer's; null takes them away. */
    public void plug(KeyValuePrefix newPrefix) {
        prefix = newPrefix;
    }

    /** Puts vectors in front of the embedded sequence; null takes them away. */
    public void plug(InputPrompt newPrompt) {
        prompt = newPrompt;
    }

    /** Makes all parameters of the base untrainable. */
    public void freeze() {
        parameters.values().forEach(Tensor::freeze);
    }

    /** Puts the numbers back that the parameter called {@code name} had when the model was read, bit for bit. */
    public void restore(String name) {
        var parameter = parameter(name);
        parameter.change(() -> original.restore(name, parameter));
    }

    /** The numbers that the parameter called {@code name} had when the model was read, in the innermost memory scope. */
    public Tensor original(String name) {
        var parameter = parameter(name);
        var numbers = Tensor.allocate(device, parameter.shape(), parameter.dtype(), Purpose.WORKSPACE);
        original.restore(name, numbers);
        return numbers;
    }

    /** Virtual tokens in front of every sequence that take part as rows. */
    public int promptLength() {
        return prompt == null ? 0 : prompt.length();
    }

    /** Virtual tokens in front of every sequence of either kind: they take up context. */
    public int virtualTokens() {
        return promptLength() + (prefix == null ? 0 : prefix.length());
    }

    // ---- forward -----------------------------------------------------------------------------------------------------

    /**
     * The last hidden states, [rows, width]: for each sequence its virtual tokens, if an input prompt is plugged in, then its
     * own.
     */
    public Tensor hidden(Sequences sequences, Pass pass) {
        int count = sequences.count();
        int prefixLength = prefix == null ? 0 : prefix.length();
        var prefixLengths = new int[count];
        Arrays.fill(prefixLengths, prefixLength);
        var arrangement = Arrangement.of(sequences, promptLength(), new int[count], prefixLengths);
        var prefixes = prefix == null ? null : prefix.keyValues(pass);
        return run(sequences, arrangement, prompt, prefixes, null, pass);
    }

    /**
     * Logits, [rows, vocabulary]; row r says what may follow row r.
     */
    public Tensor logits(Sequences sequences, Pass pass) {
        return Autograd.scope(device, () -> hidden(sequences, pass).matmulTransposed(head));
    }

    /**
     * The loss, Σ −log p(label) · factor over all labels that are not masked.
     *
     * @param labels for each token, the token itself, or {@link Device#IGNORED_LABEL} to leave it out of the loss
     * @param factor 1 / number of labels for the mean
     */
    public Tensor loss(Sequences sequences, int[] labels, float factor, Pass pass) {
        var next = Arrangement.nextTokenLabels(sequences, labels, promptLength());
        return Autograd.scope(device, () -> CrossEntropy.ofHidden(hidden(sequences, pass), head, next, factor));
    }

    private Tensor run(Sequences sequences, Arrangement arrangement, InputPrompt withPrompt, List<Tensor> prefixes,
            KeyValueCache cache, Pass pass) {
        requireRoom(arrangement);
        var spans = arrangement.spans(device);
        var cacheRows = cache == null ? null : Tensor.ofInts(device, cacheRows(arrangement, cache));
        var x = Autograd.scope(device, () -> embed(sequences, arrangement, withPrompt, pass));
        var rows = pass.over(arrangement.offsets());
        for (int layer = 0; layer < blocks.size(); layer++) {
            var block = blocks.get(layer);
            var inFront = cache != null ? cache.layer(layer) : prefixes == null ? null : prefixes.get(layer);
            var context = new Block.Context(spans, inFront, cache, cacheRows);
            x = pass.recompute() ? block.recompute(x, context, rows) : block.forward(x, context, rows);
        }
        return lastNorm.forward(x);
    }

    private Tensor embed(Sequences sequences, Arrangement arrangement, InputPrompt withPrompt, Pass pass) {
        var tokens = embedding.forward(sequences.ids(), pass.over(sequences.offsets()));
        if (withPrompt != null) {
            var both = Tensor.concat(0, List.of(withPrompt.vectors(pass), tokens));
            tokens = Embedding.lookup(both, arrangement.source());
        }
        var x = tokens.plus(Embedding.lookup(positionEmbedding, arrangement.positions()));
        return x.dropout(pass.dropout(dropouts.embedding()), pass.key().at(EMBEDDING_SITE));
    }

    private void requireRoom(Arrangement arrangement) {
        for (int position : arrangement.positions()) {
            if (position >= shape.context()) {
                throw new IllegalArgumentException("a sequence of more than " + shape.context()
                        + " tokens, virtual ones included, does not fit this model (n_positions)");
            }
        }
    }

    // ---- with a cache ------------------------------------------------------------------------------------------------

    /** An empty cache for {@code sequences} sequences of at most {@code capacity} tokens, virtual ones included. */
    public KeyValueCache cache(int sequences, int capacity) {
        return new KeyValueCache(device, shape, sequences, capacity);
    }

    /**
     * The last hidden states of new tokens that continue the sequences of {@code cache}, whose keys and values join it. The
     * first call puts what is plugged in in front of the sequences there too. Nothing is recorded for backward.
     */
    public Tensor hidden(Sequences sequences, KeyValueCache cache) {
        return Autograd.off(() -> Autograd.scope(device, () -> {
            boolean first = cache.length(0) == 0;
            if (first && prefix != null) {
                fill(cache, prefix.keyValues(Pass.EVALUATION));
            }
            var all = IntStream.range(0, cache.sequences()).toArray();
            var arrangement = continuing(sequences, first ? promptLength() : 0, cache, all);
            var hidden = run(sequences, arrangement, first ? prompt : null, null, cache, Pass.EVALUATION);
            for (int s = 0; s < sequences.count(); s++) {
                cache.advance(s, arrangement.offsets()[s + 1] - arrangement.offsets()[s]);
            }
            return hidden;
        }));
    }

    /**
     * The last hidden states of sequences that each continue one sequence of {@code cache}, as if it were their own; the
     * cache stays as it is. Nothing is recorded for backward.
     *
     * @param continues for each sequence, which one of the cache it continues
     */
    public Tensor branch(Sequences sequences, KeyValueCache cache, int[] continues) {
        return Autograd.off(() -> Autograd.scope(device, () -> {
            var prefixes = new ArrayList<Tensor>();
            for (int layer = 0; layer < shape.layers(); layer++) {
                prefixes.add(cache.layer(layer));
            }
            var arrangement = continuing(sequences, 0, cache, continues);
            return run(sequences, arrangement, null, prefixes, null, Pass.EVALUATION);
        }));
    }

    /** Sequences behind those of the cache that {@code continues} names. */
    private static Arrangement continuing(Sequences sequences, int promptLength, KeyValueCache cache,
            int[] continues) {
        return Arrangement.of(sequences, promptLength, IntStream.of(continues).map(cache::start).toArray(),
                IntStream.of(continues).map(cache::length).toArray());
    }

    /** Logits for some rows of hidden states: [rows.length, vocabulary]. */
    public Tensor logits(Tensor hidden, int[] rows) {
        return Autograd.off(() -> Autograd.scope(device, () -> Embedding.lookup(hidden, rows).matmulTransposed(head)));
    }

    /** −log p of one label for each row of hidden states; 0 where the label is {@link Device#IGNORED_LABEL}. */
    public Tensor losses(Tensor hidden, int[] labels) {
        return Autograd.off(() -> CrossEntropy.perRow(hidden, head, labels));
    }

    private static int[] cacheRows(Arrangement arrangement, KeyValueCache cache) {
        var rows = new int[arrangement.positions().length];
        for (int s = 0; s < arrangement.sequences(); s++) {
            for (int row = arrangement.offsets()[s]; row < arrangement.offsets()[s + 1]; row++) {
                rows[row] = cache.start(s) + cache.length(s) + row - arrangement.offsets()[s];
                if (rows[row] >= cache.start(s) + cache.capacity()) {
                    throw new IllegalStateException("the cache holds only " + cache.capacity() + " tokens a sequence");
                }
            }
        }
        return rows;
    }

    /** Puts a prefix in front of every sequence of an empty cache. */
    private void fill(KeyValueCache cache, List<Tensor> prefixes) {
        int length = prefix.length();
        for (int s = 0; s < cache.sequences(); s++) {
            var rows = new int[length];
            for (int i = 0; i < length; i++) {
                rows[i] = cache.start(s) + i;
            }
            var at = Tensor.ofInts(device, rows);
            for (int layer = 0; layer < prefixes.size(); layer++) {
                cache.append(layer, prefixes.get(layer).matrix(), at);
            }
            cache.advance(s, length);
        }
    }

    /** Closing it again does nothing. */
    @Override
    public void close() {
        if (parameters.isEmpty()) {
            return;
        }
        parameters.values().forEach(Tensor::free);
        parameters.clear();
        changes.close();
        original.close();
    }
}
