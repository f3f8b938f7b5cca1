package lorikeet.peft.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import lorikeet.kernels.Device;
import lorikeet.kernels.OutOfDeviceMemoryException;
import lorikeet.model.ModelFolder;
import lorikeet.model.data.Task;
import lorikeet.model.text.Tokenizer;
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

    private static final String CHECKPOINTS = "checkpoints";

    @Spec
    private CommandSpec spec;

    @Mixin
    BaseOptions base;
    @Mixin
    private DataOptions data;
    @Mixin
    private MethodOptions methods;
    @Mixin
    private AdapterOption from;
    @Mixin
    TrainingOptions options;
    @Mixin
    SeedOption seed;
    @Mixin
    private DeviceOptions device;
    @Mixin
    ProgressOption progress;
    @Mixin
    WatchOptions watch;

    @Option(names = "--eval-every", defaultValue = "0", paramLabel = "N",
            description = "Evaluate every N steps too; 0 = only before and after. Default: ${DEFAULT-VALUE}.")
    int evalEvery;

    @Option(names = "--save-every", defaultValue = "200", paramLabel = "N",
            description = "Write the adapter every N steps too, and a checkpoint from which --resume goes on; 0 = only "
                    + "when interrupted. Default: ${DEFAULT-VALUE}.")
    int saveEvery;

    @Option(names = "--resume",
            description = "Go on with the run in --out that was interrupted or killed: the same command as then, and "
                    + "this. It ends with the same bits as a run that was not.")
    boolean resume;

    @Option(names = "--detect-anomaly",
            description = "If loss or gradient of a step are not finite, compute it again, looking at every number, and stop "
                    + "with the operation, layer and tensor in which it began. Costs nothing until then.")
    boolean detectAnomaly;

    @Option(names = "--out", paramLabel = "DIR",
            description = "Folder for adapter, metrics and report.html. Default: runs/METHOD-DATA, numbered if there is one already.")
    private Path out;

    @Option(names = "--force", description = "Replace what an earlier run left in --out.")
    private boolean force;

    /** What was said of the run, by name. */
    private final Map<String, String> about = new LinkedHashMap<>();

    @Override
    public Integer call() throws IOException {
        options.check();
        watch.check();
        if (evalEvery < 0 || saveEvery < 0) {
            throw new WrongUsage("--eval-every and --save-every: expected at least 0");
        }
        var folder = base.folder();
        var method = method(folder);
        if (from.adapter != null && out != null && Files.exists(out) && Files.isSameFile(out, from.adapter)) {
            throw new WrongUsage("--out: expected another folder than --adapter: " + out
                    + " would change, and --resume could not start from it again");
        }
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
        return new MemoryForecast(method, options.model(folder.config()), load, on).requireRoom();
    }

    private int train(ModelFolder folder, Method method, Tokenizer tokenizer, Task task, String memory, Device on)
            throws IOException {
        try (var decoder = BaseOptions.load(folder, on, AdapterOption.trainsBase(method),
                options.model(folder.config()).dropouts())) {
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
            var checkpoints = new Checkpoints(target.resolve(CHECKPOINTS), identity);
            var title = method.name() + " on " + task.name();
            var repeat = repeat(identity);
            return new FinetuneRun(this, folder, decoder, adapter, tokenizer, task, target, checkpoints)
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
            requireUnfinished();
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

    /** A run that came to its end before the first checkpoint would be written over by one that starts from the beginning. */
    private void requireUnfinished() throws IOException {
        if (!force && Files.exists(out.resolve("adapter_config.json")) && !Files.exists(out.resolve(CHECKPOINTS))) {
            throw new IOException(
                    out + ": there is an adapter, but no checkpoint to go on from; choose another --out, or "
                            + "--force to train it anew");
        }
    }

    void say(String text, Object... values) {
        if (!progress.quiet) {
            System.err.printf(text + "%n", values);
        }
    }
}
