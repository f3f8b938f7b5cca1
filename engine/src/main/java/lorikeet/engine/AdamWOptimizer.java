package lorikeet.engine;

import java.util.ArrayList;
import java.util.List;
import lorikeet.kernels.AdamW;
import lorikeet.kernels.DType;
import lorikeet.kernels.Purpose;

/** AdamW (Loshchilov and Hutter 2019): two running averages per trainable number, weight decay beside the gradient. */
public final class AdamWOptimizer implements Optimizer {
    private final Settings settings;
    private final List<Slot> slots;
    private int steps;

    /** β₁, β₂ and ε. */
    public record Settings(float beta1, float beta2, float epsilon) {
        /** 0.9, 0.999, 1e-8. */
        public static final Settings DEFAULT = new Settings(0.9f, 0.999f, 1e-8f);
    }

    /**
     * Parameters that share options.
     *
     * @param decay      weight decay
     * @param rateFactor multiplies the learning rate
     */
    public record Group(List<Tensor> parameters, float decay, float rateFactor) {}

    /** A parameter with its running averages of the gradient and of its square. */
    private record Slot(Tensor parameter, Tensor mean, Tensor variance, float decay, float rateFactor) {}

    public AdamWOptimizer(List<Group> groups, Settings settings) {
        this.settings = settings;
        var any = groups.stream().flatMap(group -> group.parameters.stream()).findAny();
        slots = any.isEmpty() ? new ArrayList<>() : any.get().device().memory().allOrNothing(() -> slots(groups));
    }

    private static List<Slot> slots(List<Group> groups) {
        var slots = new ArrayList<Slot>();
        for (var group : groups) {
            for (var parameter : group.parameters) {
                slots.add(new Slot(parameter, zeros(parameter), zeros(parameter), group.decay, group.rateFactor));
            }
        }
        return slots;
    }

    private static Tensor zeros(Tensor like) {
        var zeros = Tensor.allocate(like.device(), like.shape(), DType.F32, Purpose.OPTIMIZER);
        like.device().fill(zeros.data(), 0);
        return zeros;
    }

    @Override
    public Outcome step(Tensor loss, float rate, float maxNorm) {
        var parameters = slots.stream().map(Slot::parameter).toList();
        var outcome = OptimizerStep.run(parameters, loss, maxNorm, control -> {
            var updates = slots.stream()
                    .filter(slot -> slot.parameter.gradient() != null)
                    .map(slot -> new AdamW.Parameter(slot.parameter.data(), slot.parameter.gradient(), slot.mean.data(),
                            slot.variance.data(), slot.decay, slot.rateFactor))
                    .toList();
            var adamw = new AdamW(rate, settings.beta1, settings.beta2, settings.epsilon, steps + 1);
            loss.device().adamw(adamw, updates, control);
        });
        if (outcome.finite()) {
            steps++;
        }
        return outcome;
    }

    @Override
    public void forgetGradients() {
        slots.forEach(slot -> slot.parameter.zeroGradient());
    }

    @Override
    public int steps() {
        return steps;
    }

    /** The running averages of a parameter's gradient and of its square, each of the parameter's shape. */
    public record Averages(Tensor gradient, Tensor square) {}

    /**
     * The running averages of one of the parameters. With {@link #steps} they are all that the optimizer remembers.
     *
     * @throws IllegalArgumentException if the optimizer does not train it
     */
    public Averages averages(Tensor parameter) {
        var slot = slots.stream().filter(s -> s.parameter == parameter).findFirst()
                .orElseThrow(() -> new IllegalArgumentException("not trained by this optimizer: " + parameter));
        return new Averages(slot.mean, slot.variance);
    }

    /** Counts on from {@code steps}, as an optimizer does whose averages were restored. */
    public void countFrom(int steps) {
        this.steps = steps;
    }

    @Override
    public void close() {
        for (var slot : slots) {
            slot.mean.free();
            slot.variance.free();
        }
        slots.clear();
    }
}
