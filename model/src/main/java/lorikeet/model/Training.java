package lorikeet.model;

import java.util.function.LongFunction;
import java.util.function.Predicate;
import lorikeet.engine.Optimizer;
import lorikeet.engine.Schedule;
import lorikeet.engine.Shape;
import lorikeet.engine.Tensor;
import lorikeet.kernels.RandomKey;
import lorikeet.model.data.Batch;

/**
 * The training loop.
 *
 * @param steps      optimizer steps
 * @param accumulate batches whose gradients are added up for one step
 * @param rate       learning rate at the schedule's height
 * @param schedule   how it changes
 * @param clip       gradients are scaled down to this norm; 0 = never
 * @param seed       of dropout
 * @param recompute  whether blocks compute their inner values again in backward instead of keeping them
 */
public record Training(int steps, int accumulate, float rate, Schedule schedule, float clip, long seed,
        boolean recompute) {

    /**
     * What one step did.
     *
     * @param step      from 1
     * @param loss      mean over the labels of the step's batches, before the update
     * @param rate      learning rate
     * @param norm      of the gradients, before clipping
     * @param finite    false if loss or norm is not finite, in which case nothing was updated
     * @param tokens    real tokens in the step's batches
     * @param seconds   that the step took
     * @param peakBytes most device memory in use at a time, by the ledger
     */
    public record Step(int step, float loss, float rate, float norm, boolean finite, int tokens, double seconds,
            long peakBytes) {}

    /**
     * Takes the steps after {@code done}.
     *
     * @param batches  batch n of the whole run, from 0
     * @param done     steps already taken, by an earlier run that is gone on with
     * @param goOn     is told of each step; answers whether to take another
     */
    public void run(Decoder decoder, Optimizer optimizer, LongFunction<Batch> batches, int done, Predicate<Step> goOn) {
        var device = decoder.device();
        for (int step = done; step < steps; step++) {
            long start = System.nanoTime();
            float lr = (float) (rate * schedule.factor(optimizer.steps()));
            var group = new Batch[accumulate];
            int labels = 0;
            int tokens = 0;
            for (int i = 0; i < accumulate; i++) {
                group[i] = batches.apply((long) step * accumulate + i);
                labels += group[i].labelCount(decoder.promptLength());
                tokens += group[i].sequences().tokens();
            }
            try (var _ = device.memory().scope()) {
                var loss = Tensor.of(device, Shape.scalar(), 0);
                for (int i = 0; i < accumulate; i++) {
                    try (var _ = device.memory().scope()) {
                        var pass = new Pass(true, RandomKey.at(seed, step, i, 0), recompute);
                        var part = decoder.loss(group[i].sequences(), group[i].labels(), 1f / labels, pass);
                        part.backward();
                        device.add(loss.data(), loss.data(), part.data());
                    }
                }
                var outcome = optimizer.step(loss, lr, clip);
                double seconds = (System.nanoTime() - start) * 1e-9;
                var report = new Step(step + 1, outcome.loss(), lr, outcome.norm(), outcome.finite(), tokens, seconds,
                        device.memory().ledger().peak());
                if (!goOn.test(report)) {
                    return;
                }
            }
        }
    }
}
