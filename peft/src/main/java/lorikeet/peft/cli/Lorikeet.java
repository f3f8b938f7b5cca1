package lorikeet.peft.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import lorikeet.engine.Printable;
import lorikeet.kernels.DeviceUnavailableException;
import lorikeet.kernels.OutOfDeviceMemoryException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.UsageMessageSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/**
 * The command line: {@code lorikeet COMMAND [options]}. Results go to standard output, progress and remarks to standard
 * error. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
 */
@Command(name = "lorikeet", mixinStandardHelpOptions = true, scope = ScopeType.INHERIT,
        sortOptions = false, usageHelpAutoWidth = true,
        description = "Fine-tunes GPT-style language models, with every method of the PEFT lecture.",
        subcommands = {
            Finetune.class, Evaluate.class, Generate.class, Compare.class, Plan.class, Pretrain.class, Merge.class,
            Inspect.class, Explain.class, Logits.class, Devices.class, Kernels.class, Shell.class, Completion.class,
            Check.class, CommandLine.HelpCommand.class},
        optionListHeading = "%nOptions:%n", commandListHeading = "%nCommands:%n",
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {"0:done", "1:failed, and a line says why", "2:wrong usage", "130:interrupted"},
        footer = {"", "Examples:", "  lorikeet finetune",
            "  lorikeet finetune --base my-gpt2 --data my.jsonl --out my-adapter",
            "  lorikeet generate --adapter my-adapter \"Once upon a time\"", "",
            "Help on a command: lorikeet help COMMAND"})
public final class Lorikeet implements Runnable {
    static final int INTERRUPTED = 130;

    @Spec
    private CommandSpec spec;

    @Option(names = "--verbose", scope = ScopeType.INHERIT,
            description = "Say more, and show where errors came from.")
    private boolean verbose;

    private Lorikeet() {}

    public static void main(String[] arguments) {
        System.exit(run(arguments));
    }

    /** Runs one command and answers its exit code. */
    public static int run(String... arguments) {
        Remarks.configure(arguments);
        return commandLine().execute(arguments);
    }

    /** All commands with their options, ready to parse a line or to execute it. */
    public static CommandLine commandLine() {
        var root = new Lorikeet();
        var line = new CommandLine(root);
        // Not an attribute that commands inherit: for each of them the version would be asked for, and it opens devices.
        var version = new Version();
        line.getCommandSpec().versionProvider(version);
        for (var command : line.getSubcommands().values()) {
            command.getCommandSpec().versionProvider(version);
            layOutHelp(command.getCommandSpec().usageMessage());
        }
        // Automatic means: where standard output is a terminal, too, and NO_COLOR does not forbid it.
        var colours = Terminal.showsErrors() ? Help.Ansi.AUTO : Help.Ansi.OFF;
        return line.setCaseInsensitiveEnumValuesAllowed(true).setColorScheme(Help.defaultColorScheme(colours))
                .setExecutionExceptionHandler((failure, command, _) -> root.report(failure, command));
    }

    private static void layOutHelp(UsageMessageSpec help) {
        help.abbreviateSynopsis(true).descriptionHeading("%n").parameterListHeading("%nParameters:%n")
                .optionListHeading("%nOptions:%n").exitCodeListHeading("%nExit codes:%n");
    }

    /** Says in one line what went wrong. */
    private int report(Exception failure, CommandLine command) {
        if (failure instanceof InterruptedRun) {
            return INTERRUPTED;
        }
        var cause = failure instanceof UncheckedIOException unchecked ? unchecked.getCause() : failure;
        command.getErr().println("lorikeet: " + Printable.line(message(cause)));
        if (verbose) {
            failure.printStackTrace(command.getErr());
        }
        return cause instanceof WrongUsage ? CommandLine.ExitCode.USAGE : CommandLine.ExitCode.SOFTWARE;
    }

    private static String message(Exception cause) {
        return switch (cause) {
            case Exception e when e.getMessage() == null -> e.toString();
            case NoSuchFileException e -> e.getFile() + ": no such file";
            case AccessDeniedException e -> e.getFile() + ": access denied";
            case IOException e -> e.getMessage();
            case IllegalArgumentException e -> e.getMessage();
            case IllegalStateException e -> e.getMessage();
            case ArithmeticException e -> e.getMessage();
            case DeviceUnavailableException e -> e.getMessage();
            case OutOfDeviceMemoryException e -> e.getMessage();
            default -> cause.toString(); // a fault of ours: its kind says more than its message alone
        };
    }

    /** Without a command. */
    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "a command is missing");
    }
}
