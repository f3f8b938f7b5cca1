package lorikeet.peft;

import lorikeet.engine.Shape;
import lorikeet.engine.Tensor;
import lorikeet.model.WeightChanges;
import org.ejml.data.DMatrixRMaj;

/**
 * PiSSA (Meng et al. 2024): LoRA's A and B start as the principal part of W, its largest singular values, so that training
 * begins where W acts most. What is left of W stays frozen.
 *
 * <pre>Wᵀ / scale = U Σ Vᵀ      B₀ = U √Σ, A₀ = √Σ Vᵀ for the largest values; W is replaced by W − scale · (B₀ A₀)ᵀ</pre>
 *
 * Files hold W's change, scale · (B A − B₀ A₀)ᵀ, a LoRA of twice the rank against the untouched base.
 */
final class Pissa implements WeightBranch {
    final Lora.Branch branch;
    private final WeightChanges changes;
    /** A₀, [rank, in], and B₀, [out, rank]. */
    final float[] firstA;
    final float[] firstB;

    Pissa(Lora.Branch branch, WeightChanges changes) {
        this.branch = branch;
        this.changes = changes;
        int rank = branch.a.shape().dim(0);
        int in = branch.place.in();
        int out = branch.place.out();
        var weight = branch.linear.weight().toArray();
        int columns = branch.linear.out();
        var transposed = new DMatrixRMaj(out, in);
        for (int o = 0; o < out; o++) {
            for (int i = 0; i < in; i++) {
                transposed.set(o, i, weight[i * columns + branch.place.from() + o] / branch.scale);
            }
        }
        var principal = LowRank.of(transposed, rank);
        firstA = principal.right(0.5);
        firstB = principal.left(0.5);
        upload(branch.a, firstA);
        upload(branch.b, firstB);
    }

    private static void upload(Tensor tensor, float[] numbers) {
        tensor.device().upload(tensor.data(), numbers);
    }

    /** W − scale · (B₀ A₀)ᵀ. */
    private void takeOut(Tensor weight) {
        var device = weight.device();
        try (var _ = device.memory().scope()) {
            var a = Tensor.of(device, Shape.of(branch.a.shape().dim(0), branch.place.in()), firstA);
            var b = Tensor.of(device, Shape.of(branch.place.out(), branch.a.shape().dim(0)), firstB);
            branch.addTo(weight, a, b, -branch.scale);
        }
    }

    @Override
    public void plug() {
        changes.apply(this, branch.linear.weight(), this::takeOut);
    }

    @Override
    public void unplug() {
        changes.undo(this);
    }

    @Override
    public void merge(WeightChanges to, Object owner) {
        to.apply(owner, branch.linear.weight(), this::takeOut);
    }

    @Override
    public boolean changesBase() {
        return true;
    }
}
