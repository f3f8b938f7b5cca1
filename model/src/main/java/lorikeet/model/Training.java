package lorikeet.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.LongFunction;
import java.util.function.Predicate;
import lorikeet.engine.AnomalySearch;
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

    /** The batches of one step, with the numbers of their labels and of their tokens. */
    private record Group(List<Batch> batches, int labels, int tokens) {}

    /**
     * Takes the steps after {@code done}.
     *
     * @param batches  batch n of the whole run, from 0
     * @param done     steps already taken, by an earlier run that is gone on with
     * @param goOn     is told of each step; answers whether to take another
     */
    public void run(Decoder decoder, Optimizer optimizer, LongFunction<Batch> batches, int done, Predicate<Step> goOn) {
        var device = decoder.device();
        var books = device.memory().ledger();
        for (int step = done; step < steps; step++) {
            long start = System.nanoTime();
            float lr = (float) (rate * schedule.factor(optimizer.steps()));
            var group = group(decoder, batches, step);
            try (var _ = device.memory().scope()) {
                var loss = gradients(decoder, group, step);
                books.enter("optimizer");
                var outcome = optimizer.step(loss, lr, clip);
                double seconds = (System.nanoTime() - start) * 1e-9;
                var report = new Step(step + 1, outcome.loss(), lr, outcome.norm(), outcome.finite(), group.tokens,
                        seconds, books.peak());
                if (!goOn.test(report)) {
                    return;
                }
            } catch (RuntimeException | Error e) {
                optimizer.forgetGradients(); // another step would add its own to them
                throw e;
            }
        }
    }

    private Group group(Decoder decoder, LongFunction<Batch> batches, int step) {
        var group = new ArrayList<Batch>();
        int labels = 0;
        int tokens = 0;
        for (int i = 0; i < accumulate; i++) {
            var batch = batches.apply((long) step * accumulate + i);
            labels += batch.labelCount(decoder.promptLength());
            tokens += batch.sequences().tokens();
            group.add(batch);
        }
        return new Group(group, labels, tokens);
    }

    /** Adds up the gradients of a step's batches, and answers its loss. */
    private Tensor gradients(Decoder decoder, Group group, int step) {
        var device = decoder.device();
        var books = device.memory().ledger();
        var loss = Tensor.of(device, Shape.scalar(), 0);
        for (int i = 0; i < accumulate; i++) {
            try (var _ = device.memory().scope()) {
                var pass = new Pass(true, RandomKey.at(seed, step, i, 0), recompute);
                var batch = group.batches.get(i);
                books.enter("forward");
                var part = decoder.loss(batch.sequences(), batch.labels(), 1f / group.labels, pass);
                books.enter("backward");
                part.backward();
                device.add(loss.data(), loss.data(), part.data());
            }
        }
        return loss;
    }

    /**
     * Computes loss and gradients of one step again, with the same bits, to find where numbers first were not finite.
     *
     * @param step       from 1; nothing was updated in it
     * @param parameters by the names that tell layers apart
     * @throws ArithmeticException always: in it stand the operation, the layer and the tensor, or that there is none
     */
    public void findAnomaly(Decoder decoder, LongFunction<Batch> batches, int step, Map<String, Tensor> parameters) {
        var group = group(decoder, batches, step - 1);
        try (var _ = decoder.device().memory().scope()) {
            AnomalySearch.run(parameters, () -> gradients(decoder, group, step - 1));
        } finally {
            parameters.values().forEach(Tensor::zeroGradient);
        }
        throw new ArithmeticException("every result and gradient is finite, only their sum or norm is not");
    }
}
