package lorikeet.peft;

import lorikeet.engine.Autograd;
import lorikeet.engine.Embedding;
import lorikeet.engine.Initialisation;
import lorikeet.engine.Shape;
import lorikeet.engine.Tensor;
import lorikeet.kernels.Philox;
import lorikeet.kernels.RandomKey;
import lorikeet.model.Decoder;
import lorikeet.model.ModelShape;

/**
 * Prompt tuning (Lester et al. 2021): a soft prompt. Vectors in the space of the token embeddings stand in front of every
 * sequence, real tokens attend to them, and they are all that is trained.
 *
 * <pre>x = [P; E(tokens)]      P: [virtual tokens, width]</pre>
 *
 * @param virtualTokens rows of P; they take up context
 * @param init          how P starts
 */
public record PromptTuning(int virtualTokens, Init init) implements PromptLearning {

    /** First values of P. */
    public sealed interface Init {
        /** Normal deviates, N(0, 1), as Hugging Face PEFT has it. */
        record Normal() implements Init {}

        /** Uniform in ±0.5, the paper's random prompt. */
        record Uniform() implements Init {}

        /** Embeddings of tokens drawn from the vocabulary's {@value #COMMON} commonest. */
        record Vocabulary() implements Init {
            /** As in the paper. Byte-pair encoding numbers its tokens in the order in which they were common. */
            static final int COMMON = 5000;
        }

        /** Embeddings of the tokens of a text, such as the names of the classes. */
        record Text(InitText text) implements Init {}
    }

    public PromptTuning {
        PromptLearning.requireSome(virtualTokens);
    }

    @Override
    public String name() {
        return "prompt";
    }

    @Override
    public int columns(ModelShape shape) {
        return shape.width();
    }

    @Override
    public long trainable(ModelShape shape) {
        return (long) virtualTokens * shape.width();
    }

    @Override
    public boolean reparametrised() {
        return false;
    }

    @Override
    public PromptEncoder encoder(Decoder decoder, long seed) {
        var device = decoder.device();
        int width = decoder.shape().width();
        var key = RandomKey.named(seed, PromptEncoder.TABLE);
        return new PromptEncoder.Table(switch (init) {
            case Init.Normal() -> PromptEncoder.normalTable(device, virtualTokens, width, seed);
            case Init.Uniform() -> Initialisation.uniform(device, Shape.of(virtualTokens, width), 0.5, key);
            case Init.Vocabulary() -> embeddings(decoder, drawn(key, decoder.shape().vocabulary()));
            case Init.Text(var text) -> embeddings(decoder, text.tokens(virtualTokens));
        });
    }

    private int[] drawn(RandomKey key, int vocabulary) {
        int common = Math.min(vocabulary, Init.Vocabulary.COMMON);
        var tokens = new int[virtualTokens];
        for (int i = 0; i < virtualTokens; i++) {
            tokens[i] = (int) (common * Philox.uniform(Philox.block(key, i)[0]));
        }
        return tokens;
    }

    /** A table that starts as a copy of the embeddings of {@code tokens}. */
    private static Tensor embeddings(Decoder decoder, int[] tokens) {
        var device = decoder.device();
        try (var _ = device.memory().scope()) {
            var rows = Autograd.off(() -> Embedding.lookup(decoder.tokenEmbedding(), tokens));
            return Tensor.parameter(device, rows.shape(), rows.toArray());
        }
    }
}
