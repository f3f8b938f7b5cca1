package lorikeet.peft;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import lorikeet.engine.Initialisation;
import lorikeet.engine.MatMul;
import lorikeet.engine.Shape;
import lorikeet.engine.Tensor;
import lorikeet.kernels.RandomKey;
import lorikeet.model.Decoder;
import lorikeet.model.Linear;
import lorikeet.model.Pass;

/**
 * LoRA, low-rank adaptation (Hu et al. 2021): beside a frozen weight W stands a product of two thin matrices, and only these
 * are trained.
 *
 * <pre>h = x W + b + scale · dropout(x) Aᵀ Bᵀ      A: [rank, in], B: [out, rank]</pre>
 *
 * B starts at zero, so that training starts from the base.
 *
 * @param rank     r, far below in and out
 * @param alpha    with it the scale is alpha / rank, so that it need not be tuned anew for every rank
 * @param rsLora   scale alpha / √rank instead (Kalajdzievski 2023), which keeps large ranks effective
 * @param dropout  share of the branch's inputs set to zero in training
 * @param targets  which linear layers get a branch
 * @param init     how A starts
 */
public record Lora(int rank, float alpha, boolean rsLora, float dropout, Targets targets, Init init) implements Method {

    /** First values of A. */
    public enum Init {
        /** Uniform in ±1/√in, as Hugging Face PEFT and the authors' code have it. */
        DEFAULT,
        /** Normal with deviation 1/rank. */
        GAUSSIAN
    }

    public Lora {
        if (rank < 1) {
            throw new IllegalArgumentException("LoRA needs a rank of at least 1, not " + rank);
        }
        if (!(dropout >= 0 && dropout < 1)) {
            throw new IllegalArgumentException("LoRA dropout must be at least 0 and below 1, not " + dropout);
        }
    }

    @Override
    public String name() {
        return "lora";
    }

    /** The factor on the branch. */
    public float scale() {
        return (float) (alpha / (rsLora ? Math.sqrt(rank) : rank));
    }

    @Override
    public Attached attach(Decoder decoder, long seed) {
        var linears = targets.in(decoder);
        decoder.freeze();
        var branches = new ArrayList<Branch>();
        for (int i = 0; i < linears.size(); i++) {
            branches.add(new Branch(this, linears.get(i), seed, i));
        }
        return new Attached(this, branches);
    }

    /** The branch beside one linear layer. */
    static final class Branch implements Linear.Branch {
        private final Lora options;
        private final Linear linear;
        private final int site;
        private final Tensor a;
        private final Tensor b;
        private final MergedWeight merged;

        Branch(Lora options, Linear linear, long seed, int site) {
            this.options = options;
            this.linear = linear;
            this.site = site;
            var device = linear.weight().device();
            var shapeA = Shape.of(options.rank, linear.in());
            var key = RandomKey.named(seed, linear.name() + ".lora_A");
            a = switch (options.init) {
                case DEFAULT -> Initialisation.uniform(device, shapeA, 1 / Math.sqrt(linear.in()), key);
                case GAUSSIAN -> Initialisation.normal(device, shapeA, 1.0 / options.rank, key);
            };
            b = Initialisation.zeros(device, Shape.of(linear.out(), options.rank));
            merged = new MergedWeight(linear.weight());
            linear.plug(this);
        }

        @Override
        public Tensor output(Tensor h, Tensor x, Pass pass) {
            var kept = x.dropout(pass.dropout(options.dropout), pass.key().at(DROPOUT_SITES + site));
            var u = kept.matmulTransposed(a); // [tokens, rank]
            return MatMul.addProduct(h, u, b, options.scale());
        }

        /** W + scale · (B A)ᵀ, in the layout of GPT-2, [in, out]. */
        void merge() {
            merged.replace(
                    weight -> weight.device().gemm(weight.matrix(), a.matrix().transpose(), b.matrix().transpose(),
                            options.scale(), true, null));
            linear.unplug(this);
        }

        void unmerge() {
            merged.restore();
            linear.plug(this);
        }

        void free() {
            linear.unplug(this);
            a.free();
            b.free();
        }
    }

    /** Random sites of the base end below this. */
    private static final int DROPOUT_SITES = 1 << 16;

    /** LoRA on a decoder. */
    public static final class Attached implements Mergeable {
        private final Lora method;
        private final List<Branch> branches;
        private boolean merged;

        private Attached(Lora method, List<Branch> branches) {
            this.method = method;
            this.branches = branches;
        }

        @Override
        public Lora method() {
            return method;
        }

        @Override
        public Map<String, Tensor> parameters() {
            var parameters = new LinkedHashMap<String, Tensor>();
            for (var branch : branches) {
                parameters.put(branch.linear.name() + ".lora_A.weight", branch.a);
                parameters.put(branch.linear.name() + ".lora_B.weight", branch.b);
            }
            return parameters;
        }

        @Override
        public void merge() {
            if (!merged) {
                Finite.require(parameters());
                branches.forEach(Branch::merge);
                merged = true;
            }
        }

        @Override
        public void unmerge() {
            if (merged) {
                branches.forEach(Branch::unmerge);
                merged = false;
            }
        }

        @Override
        public boolean merged() {
            return merged;
        }

        @Override
        public void detach() {
            unmerge();
            branches.forEach(Branch::free);
        }
    }
}
