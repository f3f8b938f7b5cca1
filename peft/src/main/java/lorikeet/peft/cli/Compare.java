package lorikeet.peft.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import lorikeet.engine.AtomicFile;
import lorikeet.kernels.Device;
import lorikeet.model.ModelFolder;
import lorikeet.model.Training;
import lorikeet.model.data.Task;
import lorikeet.peft.Fingerprint;
import lorikeet.peft.comparison.Comparison;
import lorikeet.peft.comparison.ComparisonPage;
import lorikeet.peft.comparison.Pictures;
import lorikeet.peft.comparison.Trial;
import lorikeet.peft.comparison.TrialFolder;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The lecture's table, measured. */
@Command(name = "compare", sortOptions = false,
        description = "Trains methods on the same examples, seeds and steps, each with a learning rate of its own, and says "
                + "what each costs and how well it does. Each finished run is kept in --out: the same command goes on "
                + "where it was interrupted, and a changed option makes other runs. The table, pictures and report in --out are "
                + "of the last command.",
        footer = {"", "Examples:",
            "  lorikeet compare --quick                                       (ten minutes on two cores)",
            "  lorikeet compare --methods lora,series,full --seeds 1,2,3",
            "  lorikeet compare --methods lora:rank=1,lora:rank=64,lora:lr=1e-3 --data topics --out runs/ranks"})
final class Compare implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Mixin
    private BaseOptions base;

    @Option(names = "--methods", paramLabel = "LIST",
            description = "Names of methods as finetune has them, separated by commas. A name can have options of its own "
                    + "behind a colon: lora:rank=16,targets=c_attn,lr=1e-3. Default: all.")
    private String methods;
    @Option(names = "--data", split = ",", defaultValue = "topics,definitions", paramLabel = "LIST",
            description = "What to train on, each by itself: topics and definitions, or a file as finetune takes it. "
                    + "Tasks with labels are judged by accuracy, others by ROUGE-L of what is generated. "
                    + "Default: ${DEFAULT-VALUE}.")
    private List<String> data;
    @Option(names = "--eval-data", paramLabel = "FILE", description = "What to evaluate with where --data is a file.")
    private String evalData;
    @Option(names = "--seeds", split = ",", defaultValue = "1,2,3", paramLabel = "LIST",
            description = "One run for each. Default: ${DEFAULT-VALUE}.")
    private List<Long> seeds;
    @Option(names = "--generate", defaultValue = "200", paramLabel = "N",
            description = "Completions to generate for ROUGE-L. Default: ${DEFAULT-VALUE}.")
    private int generate;
    @Option(names = "--quick",
            description = "A first impression in ten minutes: --steps 100 --batch-size 16 --seeds 1 --eval-limit 500 "
                    + "--generate 50, where they are not given.")
    private boolean quick;

    @Mixin
    private ExampleOptions examples;
    @Mixin
    private TrainingOptions options;
    @Mixin
    private DeviceOptions device;
    @Mixin
    private ProgressOption progress;

    @Option(names = "--out", defaultValue = "runs/compare", paramLabel = "DIR",
            description = "Folder for runs, table and pictures. Default: ${DEFAULT-VALUE}.")
    private Path out;

    @Override
    public Integer call() throws IOException {
        if (quick) {
            shorten();
        }
        options.check();
        if (generate < 1) {
            throw new WrongUsage("--generate: expected at least 1");
        }
        if (Set.copyOf(seeds).size() < seeds.size() || Set.copyOf(data).size() < data.size()) {
            throw new WrongUsage("--seeds and --data: expected each once");
        }
        boolean file = !data.stream().allMatch(ExampleOptions::isBundled);
        if (file && data.size() > 1) {
            throw new WrongUsage("--data: expected topics, definitions or both, or one file");
        }
        if (evalData != null && !file) {
            throw new WrongUsage("--eval-data: means something only where --data is a file");
        }
        var folder = base.folder();
        var contestants =
                Contestant.parseAll(methods == null ? String.join(",", MethodOptions.NAMES) : methods, folder);
        var finished = TrialFolder.open(claim());
        try (var on = device.open(); var tokenizer = BaseOptions.tokenizer(folder)) {
            var runner = new TrialRunner(base, folder, on, tokenizer, options, generate);
            int virtualTokens = contestants.stream().mapToInt(each -> each.method().virtualTokens()).max().orElse(0);
            var tasks = new ArrayList<Task>();
            for (var name : data) {
                var task = examples.read(name, evalData, folder, tokenizer, virtualTokens);
                if (task.training().isEmpty() || task.evaluation().isEmpty()) {
                    throw new WrongUsage(
                            name + ": expected examples to train on and, by --eval-data, to evaluate with");
                }
                tasks.add(task);
            }
            conclude(run(plan(contestants, tasks, folder, on), runner, finished));
        }
        return 0;
    }

    private void shorten() {
        var given = spec.commandLine().getParseResult();
        if (!given.hasMatchedOption("--steps") && !given.hasMatchedOption("--epochs")) {
            options.steps = 100;
        }
        if (!given.hasMatchedOption("--batch-size")) {
            options.batchSize = 16;
        }
        if (!given.hasMatchedOption("--seeds")) {
            seeds = List.of(1L);
        }
        if (!given.hasMatchedOption("--eval-limit")) {
            examples.evalLimit = 500;
        }
        if (!given.hasMatchedOption("--generate")) {
            generate = 50;
        }
    }

    /** The folder of the trials, in a folder that is new, empty or an earlier comparison's. */
    private Path claim() throws IOException {
        var trials = out.resolve("trials");
        if (!Files.isDirectory(trials)) {
            new OutOption(out, false).claim();
        }
        return trials;
    }

    /** A trial to be run; without a contestant, of the untouched base. */
    private record Planned(Trial.Setup setup, Contestant contestant, Task task, int steps) {}

    /** The untouched base first, then all methods on all tasks with one seed before the next. */
    private List<Planned> plan(List<Contestant> contestants, List<Task> tasks, ModelFolder folder, Device on)
            throws IOException {
        var planned = new ArrayList<Planned>();
        var settings = new HashMap<String, String>();
        settings.put("base", base.base + ", " + Fingerprint.of(folder.weightFiles()));
        settings.put("device", on.description() + ", " + on.precision());
        for (var task : tasks) {
            settings.put("generated", task.labels().isEmpty() ? generate + "" : "0");
            settings.put("training", Fingerprint.ofExamples(task.training()));
            settings.put("evaluation", Fingerprint.ofExamples(task.evaluation()));
            planned.add(new Planned(new Trial.Setup(Trial.Setup.UNTOUCHED, task.name(), 0, Map.copyOf(settings)), null,
                    task, 0));
        }
        for (long seed : seeds) {
            for (int t = 0; t < tasks.size(); t++) {
                var task = tasks.get(t);
                int perEpoch = options.batches(task, seed).perEpoch();
                for (var contestant : contestants) {
                    float rate = contestant.rate(options);
                    var all = new HashMap<>(planned.get(t).setup.settings());
                    all.putAll(options.settings(perEpoch, rate));
                    planned.add(new Planned(new Trial.Setup(contestant.text(), task.name(), seed, all), contestant,
                            task, options.training(perEpoch, rate, seed).steps()));
                }
            }
        }
        return planned;
    }

    /** What is not there yet is run, and left out where it diverges. */
    private List<Trial> run(List<Planned> plan, TrialRunner runner, TrialFolder finished) throws IOException {
        var missing = plan.stream().filter(planned -> finished.find(planned.setup) == null).toList();
        say("%,d of %,d runs are still to be done", missing.size(), plan.size());
        var interrupts = Interrupts.listen();
        var taken = new long[1];
        try (var bar = progress.bar("comparing", missing.stream().mapToLong(Planned::steps).sum())) {
            for (var next : missing) {
                try {
                    var trial = run(next, runner, step -> {
                        if (interrupts.requested()) {
                            say("stopped; the same command goes on with %s", name(next));
                            throw new InterruptedRun();
                        }
                        bar.to(++taken[0], "%s, loss %.3f".formatted(name(next), step.loss()));
                    });
                    finished.add(trial);
                    say("%s: %s", name(next), trial.score());
                } catch (ArithmeticException e) {
                    System.err.println("lorikeet: without " + name(next) + ": " + e.getMessage());
                }
            }
        }
        return plan.stream().map(planned -> finished.find(planned.setup)).filter(Objects::nonNull).toList();
    }

    private static Trial run(Planned planned, TrialRunner runner, Consumer<Training.Step> each) throws IOException {
        return planned.contestant == null
                ? runner.evaluate(planned.setup, planned.task)
                : runner.train(planned.setup, planned.contestant, planned.task, each);
    }

    private static String name(Planned planned) {
        var setup = planned.setup;
        return planned.contestant == null
                ? "%s on %s".formatted(setup.method(), setup.data())
                : "%s on %s, seed %d".formatted(setup.method(), setup.data(), setup.seed());
    }

    private void conclude(List<Trial> trials) throws IOException {
        var comparison = new Comparison(trials);
        write("comparison.csv", comparison.csv());
        write("comparison.md", comparison.markdown());
        System.out.print(comparison.markdown());
        try {
            Pictures.write(comparison, out);
        } catch (LinkageError | InternalError | RuntimeException e) { // Java's, where a system has no fonts
            System.err.println("lorikeet: no pictures: " + e);
        }
        ComparisonPage.of(comparison, Report.command(spec), String.join("; ", new Version().getVersion()))
                .write(out.resolve("report.html"));
        say("in %s: report.html, comparison.md, comparison.csv, score.png, loss.png, memory.png", out);
    }

    private void write(String name, String text) throws IOException {
        AtomicFile.write(out.resolve(name), channel -> channel.write(StandardCharsets.UTF_8.encode(text)));
    }

    private void say(String text, Object... values) {
        if (!progress.quiet) {
            System.err.printf(text + "%n", values);
        }
    }
}
