package lorikeet.peft;

import lorikeet.engine.Embedding;
import lorikeet.engine.Initialisation;
import lorikeet.engine.MatMul;
import lorikeet.engine.Shape;
import lorikeet.engine.Tensor;
import lorikeet.kernels.RandomKey;
import lorikeet.model.Decoder;
import lorikeet.model.Pass;
import lorikeet.model.TokenEmbedding;
import lorikeet.model.WeightChanges;

/**
 * LoRA beside the token embedding: each token gets scale · B a, where a is its column of A. Here A starts at zero and B is
 * normal, as in Hugging Face PEFT. An output layer that is tied to the embedding has no part in it.
 */
final class LoraEmbedding implements WeightBranch, TokenEmbedding.Branch {
    final Target place;
    private final TokenEmbedding embedding;
    private final boolean tied;
    private final Tensor a;
    private final Tensor b;
    private final float scale;

    LoraEmbedding(Lora lora, BranchAdapter adapter, Decoder decoder, Target place, long seed) {
        this.place = place;
        int rank = lora.rank(place);
        embedding = decoder.embedding();
        tied = decoder.shape().tied();
        scale = lora.scale(place);
        a = own(adapter, decoder, ".lora_embedding_A", Shape.of(rank, place.in()), seed,
                lora.variant().init() == LoraInit.RANDOM ? 1 : 0);
        b = own(adapter, decoder, ".lora_embedding_B", Shape.of(place.out(), rank), seed, 1);
    }

    private Tensor own(BranchAdapter adapter, Decoder decoder, String kind, Shape shape, long seed, double deviation) {
        var name = place.name() + kind;
        return adapter.own(name, deviation == 0
                ? Initialisation.zeros(decoder.device(), shape)
                : Initialisation.normal(decoder.device(), shape, deviation, RandomKey.named(seed, name)));
    }

    @Override
    public Tensor output(Tensor h, int[] ids, Pass pass) {
        var u = Embedding.lookup(a.transpose(0, 1), ids); // [tokens, rank]
        return MatMul.addProduct(h, 0, u, b, scale);
    }

    @Override
    public void plug() {
        embedding.plug(this);
    }

    @Override
    public void unplug() {
        embedding.unplug(this);
    }

    @Override
    public void merge(WeightChanges changes, Object owner) {
        if (tied) {
            throw new IllegalStateException("LoRA on wte cannot be merged: the output layer of this base is its token "
                    + "embedding (tie_word_embeddings) and would change too");
        }
        changes.apply(owner, embedding.weight(), weight -> weight.device().gemm(weight.matrix(),
                a.matrix().transpose(), b.matrix().transpose(), scale, true, null));
    }
}
