package lorikeet.peft.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.function.IntFunction;
import lorikeet.kernels.Device;
import lorikeet.kernels.OutOfDeviceMemoryException;
import lorikeet.model.Decoder;
import lorikeet.model.Evaluation;
import lorikeet.model.ModelFolder;
import lorikeet.model.Training;
import lorikeet.model.data.Task;
import lorikeet.model.text.Tokenizer;
import lorikeet.peft.Adapter;
import lorikeet.peft.AdapterFolder;
import lorikeet.peft.Budget.Copies;
import lorikeet.peft.Checkpoints;
import lorikeet.peft.Fingerprint;
import lorikeet.peft.Method;
import lorikeet.peft.VirtualTokens;
import lorikeet.peft.report.RunReport;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The main job: base and method and data make an adapter. */
@Command(name = "finetune", sortOptions = false,
        description = "Trains a base on a task with a fine-tuning method and writes an adapter folder. Without options: the "
                + "bundled base, LoRA, the bundled task topics.",
        footer = {"", "Examples:", "  lorikeet finetune",
            "  lorikeet finetune --method bitfit --out runs/bitfit",
            "  lorikeet finetune --base my-gpt2 --data train.jsonl --eval-data held-out.jsonl --rank 16 --targets c_attn",
            "  lorikeet finetune --adapter runs/lora-topics --steps 100       (starts from an adapter)",
            "  lorikeet finetune --out runs/mine --resume                     (goes on with a run that was cut short)"})
final class Finetune implements Callable<Integer> {
    /** Options that do not change what is computed. */
    private static final Set<String> BESIDE_THE_POINT = Set.of("--out", "--force", "--resume", "--save-every",
            "--threads", "--detect-anomaly", "--serve", "--tensorboard", "--quiet", "--verbose", "--help",
            "--version");

    @Spec
    private CommandSpec spec;

    @Mixin
    private BaseOptions base;
    @Mixin
    private DataOptions data;
    @Mixin
    private MethodOptions methods;
    @Mixin
    private AdapterOption from;
    @Mixin
    private TrainingOptions options;
    @Mixin
    private SeedOption seed;
    @Mixin
    private DeviceOptions device;
    @Mixin
    private ProgressOption progress;
    @Mixin
    private WatchOptions watch;

    @Option(names = "--eval-every", defaultValue = "0", paramLabel = "N",
            description = "Evaluate every N steps too; 0 = only before and after. Default: ${DEFAULT-VALUE}.")
    private int evalEvery;

    @Option(names = "--save-every", defaultValue = "200", paramLabel = "N",
            description = "Write the adapter every N steps too, and a checkpoint from which --resume goes on; 0 = only "
                    + "when interrupted. Default: ${DEFAULT-VALUE}.")
    private int saveEvery;

    @Option(names = "--resume",
            description = "Go on with the run in --out that was interrupted or killed: the same command as then, and "
                    + "this. It ends with the same bits as a run that was not.")
    private boolean resume;

    @Option(names = "--detect-anomaly",
            description = "If loss or gradient of a step are not finite, compute it again, looking at every number, and stop "
                    + "with the operation, layer and tensor in which it began. Costs nothing until then.")
    private boolean detectAnomaly;

    @Option(names = "--out", paramLabel = "DIR",
            description = "Folder for adapter, metrics and report.html. Default: runs/METHOD-DATA, numbered if there is one already.")
    private Path out;
    private final Map<String, String> about = new LinkedHashMap<>();

    @Option(names = "--force", description = "Replace what an earlier run left in --out.")
    private boolean force;

    @Override
    public Integer call() throws IOException {
        options.check();
        watch.check();
        var folder = base.folder();
        var method = method(folder);
        try (var on = device.open(); var tokenizer = BaseOptions.tokenizer(folder)) {
            var task = data.read(folder, tokenizer, method.virtualTokens());
            var memory = task.training().isEmpty() ? "nothing to train on" : forecast(folder, method, task, on);
            return train(folder, method, tokenizer, task, memory, on);
        }
    }

    /** @throws OutOfDeviceMemoryException if the training cannot fit the device */
    private String forecast(ModelFolder folder, Method method, Task task, Device on) throws IOException {
        var copies = on.name().equals("cpu")
                ? Copies.here(device.precision, folder.holdsFloats())
                : Copies.NONE;
        var load = MemoryForecast.heaviest(task, options.batchSize, options.recompute, device.precision, copies);
        return new MemoryForecast(method, base.config(folder), load, on).requireRoom();
    }

    private int train(ModelFolder folder, Method method, Tokenizer tokenizer, Task task, String memory, Device on)
            throws IOException {
        try (var decoder = base.load(folder, on, AdapterOption.trainsBase(method))) {
            long baseParameters = decoder.shape().parameters();
            var adapter = from.adapter == null ? method.attach(decoder, seed.seed) : from.attach(decoder);
            long all = baseParameters + adapter.size() - method.trainableOfBase(decoder.shape());
            about("base", "%s, %,d parameters", base.base, baseParameters);
            about("device", "%s, %s", on.description(), device.precision.name().toLowerCase(Locale.ROOT));
            about("method", "%s, %s", method.name(), Report.trainable(adapter.size(), all));
            if (adapter instanceof VirtualTokens virtual && virtual.method().reparametrised()
                    && !virtual.reparametrised()) {
                say("          its network was not saved with it: the vectors themselves are trained");
            }
            about("data", "%s: %,d training examples, %,d held out", task.name(), task.training().size(),
                    task.evaluation().size());
            say("needs     %s", memory);
            var target = claim(method, task);
            var identity = identity(folder, task, on);
            var checkpoints = new Checkpoints(target.resolve("checkpoints"), identity);
            var title = method.name() + " on " + task.name();
            var repeat = repeat(identity);
            return new Run(folder, decoder, adapter, tokenizer, task, target, checkpoints)
                    .go(steps -> new RunReport.Subject(title, about, adapter.size(), all, steps, Report.command(spec),
                            repeat));
        }
    }

    private Method method(ModelFolder folder) throws IOException {
        if (from.adapter == null) {
            return methods.method(folder.config().shape(), text -> BaseOptions.tokens(folder, text));
        }
        if (methods.method != null || !methods.given().isEmpty()) {
            throw new ParameterException(spec.commandLine(),
                    "--adapter brings its own method and options: leave out --method and "
                            + (methods.given().isEmpty() ? "its options" : methods.given().getFirst()));
        }
        return from.method();
    }

    /** All that decides what a run computes: options by name, and digests of what it reads. */
    private Map<String, String> identity(ModelFolder folder, Task task, Device on) throws IOException {
        var identity = new LinkedHashMap<String, String>();
        for (var option : spec.options()) {
            if (!BESIDE_THE_POINT.contains(option.longestName())) {
                var value = option.getValue();
                identity.put(option.longestName(), value == null ? "not given" : value.toString());
            }
        }
        identity.put("--device", on.name());
        var files = new ArrayList<>(folder.weightFiles());
        files.add(folder.tokenizer());
        identity.put("the content of --base", Fingerprint.of(files));
        identity.put("the content of --data", Fingerprint.ofExamples(task.training()));
        identity.put("the content of --eval-data", Fingerprint.ofExamples(task.evaluation()));
        if (from.adapter != null) {
            identity.put("the content of --adapter", Fingerprint.of(AdapterFolder.files(from.adapter)));
        }
        return identity;
    }

    /** The folder for the results; with no --out the first free one of its name. */
    private Path claim(Method method, Task task) throws IOException {
        if (resume && (out == null || !Files.isDirectory(out))) {
            throw new WrongUsage("--resume: expected --out with the folder of the run to go on with"
                    + (out == null ? "" : "; there is no folder " + out));
        }
        if (resume) {
            return out;
        }
        var target = out;
        for (int n = 1; target == null; n++) {
            var name = method.name() + "-" + task.name().replaceAll("\\.jsonl?$", "") + (n == 1 ? "" : "-" + n);
            target = Files.exists(Path.of("runs", name)) ? null : Path.of("runs", name);
        }
        new OutOption(target, force).claim();
        return target;
    }

    /** What it takes to do it again. */
    private static Map<String, String> repeat(Map<String, String> identity) throws IOException {
        var repeat = new LinkedHashMap<String, String>();
        repeat.put("version", String.join("; ", new Version().getVersion()));
        repeat.putAll(identity);
        return repeat;
    }

    /** Says something of the run, and remembers it for the report. */
    private void about(String name, String text, Object... values) {
        about.put(name, text.formatted(values));
        say("%-9s %s", name, about.get(name));
    }

    private void say(String text, Object... values) {
        if (!progress.quiet) {
            System.err.printf(text + "%n", values);
        }
    }

    /** One run, once everything is there. */
    private final class Run {
        private final ModelFolder folder;
        private final Decoder decoder;
        private final Adapter adapter;
        private final Tokenizer tokenizer;
        private final Task task;
        private final Path target;
        private final Checkpoints checkpoints;
        private final Interrupts interrupts = Interrupts.listen();

        Run(ModelFolder folder, Decoder decoder, Adapter adapter, Tokenizer tokenizer, Task task, Path target,
                Checkpoints checkpoints) {
            this.folder = folder;
            this.decoder = decoder;
            this.adapter = adapter;
            this.tokenizer = tokenizer;
            this.task = task;
            this.target = target;
            this.checkpoints = checkpoints;
        }

        int go(IntFunction<RunReport.Subject> subject) throws IOException {
            float rate = options.rate(LearningRates.of(adapter.method()));
            var first = Watching.Before.of(decoder, adapter,
                    Samples.of(decoder, tokenizer, folder.config().endOfText(), task));
            try (var training = new TrainingRun(options, decoder, adapter, task, rate, seed.seed)) {
                var moment = resume ? training.restore(checkpoints) : Checkpoints.Moment.START;
                try (var metrics = new Metrics(target.resolve("metrics.jsonl"), moment.metricsBytes());
                        var watching = new Watching(watch, metrics, target, subject.apply(training.steps()), first,
                                moment.step())) {
                    watching.memory(training, adapter, base.config(folder));
                    work(training, watching, first, moment.step());
                }
            }
            return 0;
        }

        private void work(TrainingRun training, Watching watching, Watching.Before first, int done) throws IOException {
            try {
                Evaluation before = null;
                if (done == 0) {
                    checkpoints.clear();
                    before = evaluate("before", watching, 0, this::stopIfAsked);
                    sample(first.samples(), first.texts());
                } else {
                    say("resumed   after step %,d", done);
                }
                var summary = train(training, watching);
                var after = evaluate("after", watching, training.steps(), this::stopIfAsked);
                var texts = first.samples().now();
                sample(first.samples(), texts);
                conclude(before, after);
                watching.finished(texts, "finished: " + summary);
            } catch (InterruptedRun asked) {
                if (training.taken() > 0) {
                    training.save(checkpoints, watching.metricsBytes());
                }
                var how = "stopped after step %d of %d".formatted(training.taken(), training.steps());
                watching.ended(how);
                System.err.printf("lorikeet: %s; %sthe same command with --out %s --resume goes on%n", how,
                        training.taken() == 0 ? "" : "the adapter is in " + target + "; ", target);
                throw asked;
            } catch (IOException | RuntimeException e) {
                watching.ended("failed: " + e.getMessage());
                throw e;
            }
        }

        private void stopIfAsked() {
            if (interrupts.requested()) {
                throw new InterruptedRun();
            }
        }

        /** Answers how long it took. */
        private String train(TrainingRun training, Watching watching) throws IOException {
            TrainingRun.Outcome outcome;
            try (var bar = progress.bar("training", training.steps())) {
                outcome = training.go(step -> {
                    watching.step(step);
                    if (detectAnomaly && !step.finite()) {
                        training.findAnomaly(step.step());
                    }
                    bar.to(step.step(), "loss %.3f".formatted(step.loss()));
                    between(step, training, watching);
                    return !interrupts.requested();
                });
            } catch (ArithmeticException | OutOfDeviceMemoryException e) {
                AdapterFolder.save(target, adapter, base.base); // the last good one
                throw e;
            } catch (UncheckedIOException e) {
                throw new IOException(e.getCause().getMessage() + checkpoints.whereToGoOn(), e);
            }
            AdapterFolder.save(target, adapter, base.base);
            stopIfAsked();
            var summary = "%,d steps, %,d tokens in %.1f s, %,.0f tokens/s".formatted(outcome.steps(), outcome.tokens(),
                    outcome.seconds(), outcome.tokens() / outcome.seconds());
            say("training  %s", summary);
            say("memory    %s; peak %.1f MB", Report.memory(outcome.memory()),
                    outcome.memory().values().stream().mapToLong(Long::longValue).sum() / 1e6);
            return summary;
        }

        private void between(Training.Step step, TrainingRun training, Watching watching) {
            if (evalEvery > 0 && step.step() % evalEvery == 0) {
                evaluate("step " + step.step(), watching, step.step(), () -> {});
            }
            if (saveEvery > 0 && step.step() % saveEvery == 0) {
                try {
                    training.save(checkpoints, watching.metricsBytes());
                    AdapterFolder.save(target, adapter, base.base);
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            }
        }

        /** @param meanwhile what else is done now and then */
        private Evaluation evaluate(String when, Watching watching, int step, Runnable meanwhile) {
            if (task.evaluation().isEmpty()) {
                return null;
            }
            try (var bar = progress.bar("evaluating", task.evaluation().size())) {
                var result = Evaluation.of(decoder, task, !task.labels().isEmpty(), folder.config().endOfText(),
                        done -> {
                            bar.to(done);
                            meanwhile.run();
                        });
                bar.close();
                watching.evaluation(step, result);
                say("%-9s %s", when, Report.evaluation(result));
                return result;
            }
        }

        /** What the model makes of the first example. */
        private void sample(Samples samples, List<String> texts) {
            if (!texts.isEmpty()) {
                say("sample    %s →%s", samples.prompt(0).replace('\n', ' '), texts.getFirst().replace('\n', ' '));
            }
        }

        private void conclude(Evaluation before, Evaluation after) {
            if (after != null && !Double.isNaN(after.accuracy())) {
                System.out.printf("accuracy  %s%.1f %% (± %.1f); always the commonest answer: %.1f %%%n",
                        before == null ? "" : "%.1f %% → ".formatted(100 * before.accuracy()), 100 * after.accuracy(),
                        100 * after.standardError(),
                        100 * after.majority());
                var yardstick = Yardstick.line(task, after);
                if (yardstick != null) {
                    System.out.println("          " + yardstick);
                }
            } else if (after != null) {
                System.out.printf("loss      %s%.4f%n", before == null ? "" : "%.4f → ".formatted(before.loss()),
                        after.loss());
            }
            System.out.println("adapter   " + target);
        }
    }
}
