package lorikeet.bench;

import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** What is measured: {@code lorikeet bench WHAT}. */
@Command(name = "lorikeet bench", mixinStandardHelpOptions = true, description = "Measures things.",
        subcommands = Baselines.class)
public final class Bench implements Runnable {
    @Spec
    private CommandSpec spec;

    private Bench() {}

    public static void main(String[] arguments) {
        System.exit(new CommandLine(new Bench()).execute(arguments));
    }

    /** Without saying what. */
    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "what to measure is missing");
    }
}
