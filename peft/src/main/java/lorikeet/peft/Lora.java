package lorikeet.peft;

import java.util.List;
import lorikeet.engine.MatMul;
import lorikeet.engine.Tensor;
import lorikeet.kernels.RandomKey;
import lorikeet.model.Decoder;
import lorikeet.model.Linear;
import lorikeet.model.ModelShape;
import lorikeet.model.Pass;
import lorikeet.model.WeightChanges;

/**
 * LoRA, low-rank adaptation (Hu et al. 2021): beside a frozen weight W stands a product of two thin matrices, and only these
 * are trained.
 *
 * <pre>h = x W + b + scale · dropout(x) Aᵀ Bᵀ      A: [rank, in], B: [out, rank]</pre>
 *
 * B starts at zero, so that training starts from the base.
 *
 * @param rank    r, far below in and out
 * @param alpha   with it the scale is alpha / rank, so that it need not be tuned anew for every rank
 * @param dropout share of the branch's inputs set to zero in training
 * @param targets which layers get a branch
 * @param variant what later work has changed
 */
public record Lora(int rank, float alpha, float dropout, Targets targets, LoraVariant variant) implements Method {

    public Lora {
        if (rank < 1) {
            throw new IllegalArgumentException("LoRA needs a rank of at least 1, not " + rank);
        }
        if (!Float.isFinite(alpha)) {
            throw new IllegalArgumentException("LoRA needs a number as alpha, not " + alpha);
        }
        if (!(dropout >= 0 && dropout < 1)) {
            throw new IllegalArgumentException("LoRA dropout must be at least 0 and below 1, not " + dropout);
        }
    }

    /** LoRA as in the paper, without dropout. */
    public Lora(int rank, float alpha, Targets targets) {
        this(rank, alpha, 0, targets, LoraVariant.PLAIN);
    }

    @Override
    public String name() {
        return "lora";
    }

    @Override
    public long trainable(ModelShape shape) {
        return places(shape).stream().mapToLong(place -> (long) rank(place) * (place.in() + place.out())).sum()
                + trainableOfBase(shape);
    }

    @Override
    public long trainableOfBase(ModelShape shape) {
        return variant.bias().count(shape, targets.in(shape));
    }

    @Override
    public Lora asGpt2(ModelShape shape) {
        return new Lora(rank, alpha, dropout, targets.asGpt2(shape), variant);
    }

    @Override
    public float rateFactor(String parameter) {
        return parameter.contains(".lora_B") ? variant.rateRatio() : 1;
    }

    @Override
    public Adapter attach(Decoder decoder, long seed) {
        return BranchAdapter.attach(this, decoder, adapter -> {
            var places = places(decoder.shape());
            for (int i = 0; i < places.size(); i++) {
                adapter.add(places.get(i).isEmbedding()
                        ? new LoraEmbedding(this, adapter, decoder, places.get(i), seed)
                        : new Branch(this, adapter, decoder, places.get(i), seed, i));
            }
            variant.bias().addTo(adapter, decoder, places);
        }, LoraStored::of);
    }

    /** @throws IllegalArgumentException if they do not fit the shape, or PiSSA finds no part of W of its rank there */
    List<Target> places(ModelShape shape) {
        var places = targets.in(shape);
        for (var place : places) {
            if (variant.init() == LoraInit.PISSA && !place.isEmbedding()) {
                LowRank.requirePart(place.out(), place.in(), rank(place));
            }
        }
        return places;
    }

    int rank(Target place) {
        return variant.rankAt(place, rank);
    }

    /** The factor on the branch. */
    float scale(Target place) {
        return variant.scale(variant.alphaAt(place, alpha), rank(place));
    }

    /** The branch beside one linear layer, or a part of it. */
    static final class Branch implements WeightBranch, Linear.Branch {
        /** Random sites of the base end below this. */
        private static final int DROPOUT_SITES = 1 << 16;

        final Target place;
        final Linear linear;
        final Tensor a;
        final Tensor b;
        final float scale;
        private final float dropout;
        private final int site;

        Branch(Lora lora, BranchAdapter adapter, Decoder decoder, Target place, long seed, int site) {
            this.place = place;
            this.site = site;
            linear = decoder.linear(place.layer());
            scale = lora.scale(place);
            dropout = lora.dropout;
            int rank = lora.rank(place);
            var init = lora.variant.init();
            a = adapter.own(place.parameter("lora_A"), init.a(decoder.device(), rank, place.in(),
                    RandomKey.named(seed, place.name() + ".lora_A")));
            b = adapter.own(place.parameter("lora_B"), init.b(decoder.device(), place.out(), rank,
                    RandomKey.named(seed, place.name() + ".lora_B")));
            if (init == LoraInit.PISSA) {
                adapter.add(new Pissa(this, decoder.changes()));
            }
        }

        @Override
        public Tensor output(Tensor h, Tensor x, Pass pass) {
            var kept = x.dropout(pass.dropout(dropout), pass.key().at(DROPOUT_SITES + site));
            var u = kept.matmulTransposed(a); // [tokens, rank]
            return MatMul.addProduct(h, place.from(), u, b, scale);
        }

        @Override
        public boolean onlyAdds() {
            return true;
        }

        @Override
        public void plug() {
            linear.plug(this);
        }

        @Override
        public void unplug() {
            linear.unplug(this);
        }

        @Override
        public void merge(WeightChanges changes, Object owner) {
            changes.apply(owner, linear.weight(), this::addTo);
        }

        /** W + scale · (B A)ᵀ, in the layout of GPT-2, [in, out]. */
        void addTo(Tensor weight) {
            addTo(weight, a, b, scale);
        }

        void addTo(Tensor weight, Tensor thinA, Tensor thinB, float factor) {
            weight.device().gemm(weight.matrix().columns(place.from(), place.out()), thinA.matrix().transpose(),
                    thinB.matrix().transpose(), factor, true, null);
        }
    }
}
