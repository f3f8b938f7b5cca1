package lorikeet.peft.cli;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Predicate;
import lorikeet.engine.AdamWOptimizer;
import lorikeet.kernels.Ledger;
import lorikeet.kernels.Purpose;
import lorikeet.model.Decoder;
import lorikeet.model.ModelConfig;
import lorikeet.model.Training;
import lorikeet.model.data.Batches;
import lorikeet.model.data.Task;
import lorikeet.peft.Adapter;
import lorikeet.peft.Budget;
import lorikeet.peft.Checkpoints;
import lorikeet.peft.Selection;

/** One training of an adapter on a task: what finetune does once, and compare for every method. */
final class TrainingRun implements AutoCloseable {
    /** So many steps in a row in which nothing could be updated, and it will not get better by itself. */
    private static final int HOPELESS = 5;
    /** The step whose memory is watched, or the last if there are fewer: from the second on, gradients have theirs. */
    private static final int WATCHED = 2;

    private final Decoder decoder;
    private final Adapter adapter;
    private final Batches batches;
    private final Training training;
    private final AdamWOptimizer optimizer;
    private int taken;
    private Consumer<List<Ledger.Moment>> watcher;

    /** @param adapter attached to the decoder */
    TrainingRun(TrainingOptions options, Decoder decoder, Adapter adapter, Task task, float rate, long seed) {
        this.decoder = decoder;
        this.adapter = adapter;
        batches = options.batches(task, seed);
        training = options.training(batches.perEpoch(), rate, seed);
        optimizer = options.optimizer(adapter);
    }

    /**
     * What a training took.
     *
     * @param steps  taken so far, those before a resumption included
     * @param tokens since the start or resumption, as are the seconds
     * @param memory bytes by purpose, when most were in use
     */
    record Outcome(int steps, long tokens, double seconds, Map<Purpose, Long> memory) {}

    int steps() {
        return training.steps();
    }

    /** Steps taken so far, those before a resumption included. */
    int taken() {
        return taken;
    }

    /** Goes back to the newest moment saved, of which the answer is. */
    Checkpoints.Moment restore(Checkpoints checkpoints) throws IOException {
        var moment = checkpoints.restore(adapter, optimizer);
        taken = moment.step();
        return moment;
    }

    /** @param metricsBytes how long the file of metrics is now */
    void save(Checkpoints checkpoints, long metricsBytes) throws IOException {
        checkpoints.save(new Checkpoints.Moment(taken, metricsBytes), adapter, optimizer);
    }

    /** Shows the books of one step, moment by moment, as soon as it is taken. */
    void watchMemory(Consumer<List<Ledger.Moment>> newWatcher) {
        watcher = newWatcher;
    }

    /** The books of the same step, were it one of full fine-tuning, by a dry run. */
    List<Ledger.Moment> asFullFineTuning(ModelConfig model) {
        long done = (long) taken * training.accumulate();
        return Budget.timeline(new Selection.Full(), model, decoder.device().precision(), training,
                n -> batches.get(done + n));
    }

    /**
     * Takes the steps that are left.
     *
     * @param goOn is told of each step; answers whether to take another
     * @throws ArithmeticException if loss or gradient stay beyond what is finite; the parameters are then the last good ones
     */
    Outcome go(Predicate<Training.Step> goOn) {
        var ledger = decoder.device().memory().ledger();
        ledger.resetPeaks();
        int watched = watcher == null ? 0 : Math.min(taken + WATCHED, training.steps());
        if (taken < watched) {
            ledger.startTimeline();
        }
        long start = System.nanoTime();
        var tokens = new long[1];
        var failed = new int[1];
        training.run(decoder, optimizer, batches::get, taken, step -> {
            taken = step.step();
            if (taken <= watched) {
                watch(ledger, watched);
            }
            tokens[0] += step.tokens();
            failed[0] = step.finite() ? 0 : failed[0] + 1;
            boolean more = goOn.test(step);
            if (!step.finite()) {
                System.err.println(
                        "lorikeet: step " + taken + ": loss or gradient is not finite; nothing was updated");
            }
            if (failed[0] == HOPELESS) {
                throw new ArithmeticException("loss or gradient was not finite in " + HOPELESS
                        + " steps in a row: try a smaller --lr, or a --grad-clip");
            }
            return more;
        });
        return new Outcome(taken, tokens[0], (System.nanoTime() - start) * 1e-9, ledger.atPeak());
    }

    /** @throws ArithmeticException always: where in step {@code step} a number first was not finite */
    void findAnomaly(int step) {
        var parameters = new LinkedHashMap<>(decoder.parameters());
        parameters.putAll(adapter.parameters());
        try {
            training.findAnomaly(decoder, batches::get, step, parameters);
        } catch (ArithmeticException e) {
            throw new ArithmeticException("step " + step + ": not finite: " + e.getMessage());
        }
    }

    /** Starts anew for each step up to the one that is shown. */
    private void watch(Ledger ledger, int watched) {
        var moments = ledger.endTimeline();
        if (taken == watched) {
            watcher.accept(moments);
        } else {
            ledger.startTimeline();
        }
    }

    @Override
    public void close() {
        optimizer.close();
    }
}
