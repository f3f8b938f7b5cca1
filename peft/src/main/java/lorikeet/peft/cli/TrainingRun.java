package lorikeet.peft.cli;

import java.util.Map;
import java.util.function.Predicate;
import lorikeet.engine.AdamWOptimizer;
import lorikeet.kernels.Purpose;
import lorikeet.model.Decoder;
import lorikeet.model.Training;
import lorikeet.model.data.Batches;
import lorikeet.model.data.Task;
import lorikeet.peft.Adapter;

/** One training of an adapter on a task: what finetune does once, and compare for every method. */
final class TrainingRun implements AutoCloseable {
    private final Decoder decoder;
    private final Batches batches;
    private final Training training;
    private final AdamWOptimizer optimizer;

    /** @param adapter attached to the decoder */
    TrainingRun(TrainingOptions options, Decoder decoder, Adapter adapter, Task task, float rate, long seed) {
        this.decoder = decoder;
        batches = options.batches(task, seed);
        training = options.training(batches.perEpoch(), rate, seed);
        optimizer = options.optimizer(adapter);
    }

    /**
     * What a training took.
     *
     * @param steps  taken
     * @param tokens in all of them
     * @param memory bytes by purpose, when most were in use
     */
    record Outcome(int steps, long tokens, double seconds, Map<Purpose, Long> memory) {}

    int steps() {
        return training.steps();
    }

    /** @param goOn is told of each step; answers whether to take another */
    Outcome go(Predicate<Training.Step> goOn) {
        var ledger = decoder.device().memory().ledger();
        ledger.resetPeaks();
        long start = System.nanoTime();
        var taken = new int[1];
        var tokens = new long[1];
        training.run(decoder, optimizer, batches::get, 0, step -> {
            if (!step.finite()) {
                System.err.println(
                        "lorikeet: step " + step.step() + ": loss or gradient is not finite; nothing was updated");
            }
            taken[0] = step.step();
            tokens[0] += step.tokens();
            return goOn.test(step);
        });
        return new Outcome(taken[0], tokens[0], (System.nanoTime() - start) * 1e-9, ledger.atPeak());
    }

    @Override
    public void close() {
        optimizer.close();
    }
}
