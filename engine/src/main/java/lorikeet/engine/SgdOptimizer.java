package lorikeet.engine;

import java.util.List;

/** Stochastic gradient descent with weight decay: no memory of its own. */
public final class SgdOptimizer implements Optimizer {
    private final List<Tensor> parameters;
    private final float decay;
    private int steps;

    public SgdOptimizer(List<Tensor> parameters, float decay) {
        this.parameters = List.copyOf(parameters);
        this.decay = decay;
    }

    @Override
    public Outcome step(Tensor loss, float rate, float maxNorm) {
        var outcome = OptimizerStep.run(parameters, loss, maxNorm, control -> {
            var reached = parameters.stream().filter(parameter -> parameter.gradient() != null).toList();
            loss.device().sgd(rate, decay, reached.stream().map(Tensor::data).toList(),
                    reached.stream().map(Tensor::gradient).toList(), control);
        });
        if (outcome.finite()) {
            steps++;
        }
        return outcome;
    }

    @Override
    public void forgetGradients() {
        parameters.forEach(Tensor::zeroGradient);
    }

    @Override
    public int steps() {
        return steps;
    }

    @Override
    public void close() {}
}
