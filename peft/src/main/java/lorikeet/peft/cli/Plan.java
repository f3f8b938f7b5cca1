package lorikeet.peft.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import lorikeet.kernels.Precision;
import lorikeet.model.BundledBase;
import lorikeet.model.ModelConfig;
import lorikeet.model.ModelFolder;
import lorikeet.model.Presets;
import lorikeet.peft.Budget;
import lorikeet.peft.Gpt3Table;
import lorikeet.peft.Method;
import lorikeet.peft.Selection;
import lorikeet.peft.cli.PlanReport.Column;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** What fine-tuning would take, beforehand. */
@Command(name = "plan", sortOptions = false,
        description = "Says how many parameters a method trains and how much memory that takes, by purpose and beside full "
                + "fine-tuning, without allocating it. GB are 1e9 bytes, MB 1e6.",
        footer = {"", "Examples:", "  lorikeet plan --model llama-7b --method lora --rank 16 --targets q_proj,v_proj",
            "  lorikeet plan --model lecture-7b --method full",
            "  lorikeet plan --model gpt2-xl --precision bf16 --seq-len 1024 --recompute --fit 24GB",
            "  lorikeet plan --model my-model --method prefix --json       (a folder with config.json)",
            "  lorikeet plan --paper"})
final class Plan implements Callable<Integer> {
    private static final int USUAL_LENGTH = 512;

    @Spec
    private CommandSpec spec;

    @Option(names = "--model", defaultValue = BaseOptions.BUNDLED, paramLabel = "NAME|DIR",
            description = "bundled, gpt2, gpt2-medium, gpt2-large, gpt2-xl, gpt3-175b, lecture-7b, llama-7b, mistral-7b, or a "
                    + "folder with a config.json of the GPT-2, LLaMA or Mistral family; the last two have layers q_proj, "
                    + "k_proj, v_proj, o_proj, gate_proj, up_proj and down_proj. Default: ${DEFAULT-VALUE}.")
    private String model;

    @Mixin
    private MethodOptions methods;

    @Option(names = "--batch-size", defaultValue = "1", paramLabel = "N",
            description = "Sequences that go through the model together. Default: ${DEFAULT-VALUE}.")
    private int batchSize;

    @Option(names = "--seq-len", paramLabel = "N",
            description = "Tokens in each, all of which are learned. Default: " + USUAL_LENGTH
                    + ", or what the model's context leaves.")
    private Integer length;

    @Option(names = "--precision", defaultValue = "fp32", paramLabel = "NAME", converter = PrecisionName.class,
            description = "fp32 or strict, bf16 (frozen weights stored in bf16), or fast: as fp32, but where this machine's "
                    + "CPU has AMX with frozen weights packed as it uses them. Default: ${DEFAULT-VALUE}.")
    private Precision precision;

    @Option(names = "--recompute",
            description = "Keep less for backward and compute it again: less memory, more time.")
    private boolean recompute;

    @Option(names = "--fit", paramLabel = "SIZE", converter = Size.class,
            description = "Say how large a batch fits a memory such as 24GB or 80GiB.")
    private Long memory;

    @Option(names = "--paper",
            description = "Count the rows of the LoRA paper's table on GPT-3 again instead, beside what is printed.")
    private boolean paper;

    @Option(names = "--json", description = "Print JSON.")
    private boolean json;

    @Override
    public Integer call() throws IOException {
        if (paper) {
            printPaper();
        } else {
            plan();
        }
        return 0;
    }

    private void plan() throws IOException {
        var config = config();
        var method = methods.withUsualInit(config.shape());
        try {
            var load = new Budget.Load(batchSize, length(method, config), recompute, precision,
                    Budget.Copies.here(precision, inFile(config)));
            var columns = new ArrayList<>(List.of(Column.of(method, config, load, memory)));
            if (!(method instanceof Selection.Full)) {
                columns.add(Column.of(new Selection.Full(), config, load, memory));
            }
            var report = new PlanReport(model, load, memory, columns);
            System.out.print(json ? Report.json(report.json()) : report.text());
        } catch (IllegalArgumentException e) {
            throw new WrongUsage(e.getMessage());
        }
    }

    private ModelConfig config() throws IOException {
        var preset = Presets.of(model);
        if (preset != null) {
            return preset;
        }
        var folder = folder();
        if (!Files.isDirectory(folder)) {
            throw new IOException("--model: expected a folder with config.json, bundled, or one of "
                    + String.join(", ", Presets.names()) + ", not " + model);
        }
        return ModelConfig.read(folder.resolve("config.json"));
    }

    private Path folder() throws IOException {
        return model.equals(BaseOptions.BUNDLED) ? BundledBase.folder() : Path.of(model);
    }

    /** Whether frozen weights could be read in the base's file instead of kept. */
    private boolean inFile(ModelConfig config) throws IOException {
        return Presets.of(model) != null || !config.shape().isGpt2() || ModelFolder.open(folder()).holdsFloats();
    }

    private int length(Method method, ModelConfig config) {
        int room = config.shape().context() - method.virtualTokens();
        if (room < 2) {
            throw new WrongUsage(method.virtualTokens() + " virtual tokens leave no room in the model's context of "
                    + config.shape().context());
        }
        return length == null ? Math.min(USUAL_LENGTH, room) : length;
    }

    private void printPaper() throws IOException {
        var others = spec.commandLine().getParseResult().matchedOptions().stream()
                .map(option -> option.longestName())
                .filter(name -> !List.of("--paper", "--json", "--verbose").contains(name))
                .toList();
        if (!others.isEmpty()) {
            throw new ParameterException(spec.commandLine(), others.getFirst() + " means nothing to --paper");
        }
        if (json) {
            System.out.print(Report.json(Gpt3Table.rows()));
            return;
        }
        System.out.println("Trainable parameters on GPT-3 (d = 12,288, L = 96) in table 4 of the LoRA paper\n");
        System.out.printf("%-10s %11s %16s  %-44s %s%n", "", "printed", "counted", "formula", "options");
        for (var row : Gpt3Table.rows()) {
            System.out.printf("%-10s %,10.1fM %,16d  %-44s %s%n", row.name(), row.millions(), row.count(),
                    row.formula(),
                    row.options());
            if (!row.agrees()) {
                System.out.printf("%10s does not come out: %s%n", "", row.remark());
            }
        }
    }

    // ---- option values -----------------------------------------------------------------------------------------------

    /** Storage by its usual name, or by that of a {@link Precision}. */
    private static final class PrecisionName implements ITypeConverter<Precision> {
        @Override
        public Precision convert(String name) {
            return switch (name.toLowerCase(Locale.ROOT)) {
                case "fp32", "strict" -> Precision.STRICT;
                case "fast" -> Precision.FAST;
                case "bf16" -> Precision.BF16;
                default -> throw new TypeConversionException("expected fp32, strict, fast or bf16, not " + name);
            };
        }
    }

    /** A size in bytes. */
    private static final class Size implements ITypeConverter<Long> {
        private static final Pattern SIZE = Pattern.compile("(\\d{1,9}(?:\\.\\d{1,9})?)\\s*(GB|GiB|MB|MiB)");

        @Override
        public Long convert(String text) {
            var match = SIZE.matcher(text);
            if (!match.matches()) {
                throw new TypeConversionException("expected a size such as 24GB or 80GiB, not " + text);
            }
            return (long) (Double.parseDouble(match.group(1)) * switch (match.group(2)) {
                case "GB" -> 1e9;
                case "GiB" -> 1L << 30;
                case "MB" -> 1e6;
                default -> 1 << 20;
            });
        }
    }
}
