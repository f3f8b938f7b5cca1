package lorikeet.peft.cli;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import lorikeet.engine.AdamWOptimizer;
import lorikeet.engine.Schedule;
import lorikeet.engine.Tensor;
import lorikeet.model.Dropouts;
import lorikeet.model.ModelConfig;
import lorikeet.model.Training;
import lorikeet.model.data.Batches;
import lorikeet.model.data.Task;
import lorikeet.peft.Adapter;
import lorikeet.peft.comparison.Comparison;
import picocli.CommandLine.Option;

/** How to train. */
final class TrainingOptions {
    /** Which parameters weight decay applies to. */
    enum Decay {
        ALL,
        MATRICES
    }

    @Option(names = "--steps", paramLabel = "N",
            description = "Optimizer steps; overrides --epochs. 0 writes the adapter unchanged.")
    Integer steps;

    @Option(names = "--epochs", defaultValue = "4", paramLabel = "X",
            description = "How often each training example is seen. Default: ${DEFAULT-VALUE}.")
    private double epochs;

    @Option(names = "--batch-size", defaultValue = "32", paramLabel = "N",
            description = "Examples that go through the model together. Default: ${DEFAULT-VALUE}.")
    int batchSize;

    @Option(names = "--accumulate", defaultValue = "1", paramLabel = "N",
            description = "Batches whose gradients are added up for one step. Default: ${DEFAULT-VALUE}.")
    private int accumulate;

    @Option(names = "--base-dropout", paramLabel = "P",
            description = "Dropout inside the base. Default: as its config.json says.")
    private Float baseDropout;

    @Option(names = "--lr", paramLabel = "X", description = "Learning rate. Default: one that suits the method.")
    private Float rate;

    @Option(names = "--schedule", defaultValue = "linear", paramLabel = "NAME",
            description = "How the learning rate falls after the warm-up: constant, linear or cosine. Default: ${DEFAULT-VALUE}.")
    private Schedule.Kind schedule;

    @Option(names = "--warmup", paramLabel = "N",
            description = "Steps in which the learning rate rises from 0. Default: a twentieth of all.")
    private Integer warmup;

    @Option(names = "--weight-decay", defaultValue = "0.01", paramLabel = "X",
            description = "AdamW's weight decay. Default: ${DEFAULT-VALUE}.")
    private float weightDecay;

    @Option(names = "--decay", defaultValue = "matrices", paramLabel = "NAME",
            description = "What decays: all, or matrices but no biases and norms. Default: ${DEFAULT-VALUE}.")
    private Decay decay;

    @Option(names = "--grad-clip", defaultValue = "1", paramLabel = "X",
            description = "Scale gradients down to this norm; 0 = never. Default: ${DEFAULT-VALUE}.")
    private float clip;

    @Option(names = "--recompute",
            description = "Keep less for backward and compute it again: less memory, more time.")
    boolean recompute;

    @Option(names = "--shuffle", negatable = true, defaultValue = "true", fallbackValue = "true",
            description = "Random order of examples, anew each epoch, or as they stand in the file. Default: shuffled.")
    private boolean shuffle;

    /** @throws WrongUsage if a number cannot be meant */
    void check() {
        if (batchSize < 1 || accumulate < 1 || !(epochs >= 0) || steps != null && steps < 0
                || warmup != null && warmup < 0) {
            throw new WrongUsage(
                    "--steps, --epochs and --warmup are at least 0, --batch-size and --accumulate at least 1");
        }
        if (rate != null && !isSize(rate) || !isSize(weightDecay) || !isSize(clip)) {
            throw new WrongUsage("--lr, --weight-decay and --grad-clip: expected numbers of at least 0");
        }
        if (baseDropout != null && !(baseDropout >= 0 && baseDropout < 1)) {
            throw new WrongUsage("--base-dropout: expected at least 0 and less than 1");
        }
    }

    static boolean isSize(float number) {
        return number >= 0 && Float.isFinite(number);
    }

    /** The learning rate asked for, or else the usual one. */
    float rate(float usual) {
        return rate == null ? usual : rate;
    }

    /** The base as it is trained: with the dropout that was asked for. */
    ModelConfig model(ModelConfig base) {
        return baseDropout == null
                ? base
                : new ModelConfig(base.shape(), new Dropouts(baseDropout, baseDropout, baseDropout), base.endOfText());
    }

    /** @param perEpoch batches of an epoch */
    Training training(int perEpoch, float rate, long seed) {
        int total = steps != null ? steps : (int) Math.ceil(epochs * perEpoch / accumulate);
        int rise = warmup != null ? warmup : total / 20;
        return new Training(total, accumulate, rate, new Schedule(schedule, rise, total), clip, seed, recompute);
    }

    /** All that decides a training but data and seed, by name. */
    Map<String, String> settings(int perEpoch, float rate) {
        var training = training(perEpoch, rate, 0);
        return Map.ofEntries(Map.entry("steps", "" + training.steps()), Map.entry("batch size", "" + batchSize),
                Map.entry("accumulate", "" + accumulate), Map.entry("shuffle", "" + shuffle),
                Map.entry(Comparison.LEARNING_RATE, new BigDecimal(Float.toString(rate)).toPlainString()),
                Map.entry("schedule", training.schedule().toString()),
                Map.entry("weight decay", weightDecay + " on " + decay.name().toLowerCase(Locale.ROOT)),
                Map.entry("clip", "" + clip), Map.entry("recompute", "" + recompute),
                Map.entry("base dropout", baseDropout == null ? "its own" : baseDropout.toString()));
    }

    /** @throws IllegalArgumentException if there is nothing to train on */
    Batches batches(Task task, long seed) {
        if (task.training().isEmpty()) {
            throw new IllegalArgumentException(task.name() + ": no example is left to train on");
        }
        return new Batches(task.training(), batchSize, shuffle, seed);
    }

    AdamWOptimizer optimizer(Adapter adapter) {
        var groups = new LinkedHashMap<Rule, List<Tensor>>();
        adapter.parameters().forEach((name, parameter) -> {
            boolean decays = decay == Decay.ALL || parameter.shape().rank() > 1;
            var rule = new Rule(decays ? weightDecay : 0, adapter.method().rateFactor(name));
            groups.computeIfAbsent(rule, _ -> new ArrayList<>()).add(parameter);
        });
        return new AdamWOptimizer(groups.entrySet().stream().map(group -> new AdamWOptimizer.Group(group.getValue(),
                group.getKey().decay, group.getKey().rateFactor)).toList(), AdamWOptimizer.Settings.DEFAULT);
    }

    /** How a group of parameters is trained. */
    private record Rule(float decay, float rateFactor) {}
}
