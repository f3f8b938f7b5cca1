package lorikeet.bench;

import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** What is measured: {@code lorikeet bench [WHAT]}. */
@Command(name = "lorikeet bench", mixinStandardHelpOptions = true, usageHelpAutoWidth = true,
        description = "Measures, prints tables, and writes them to docs/benchmarks.md. Without saying what: everything, in "
                + "the short form.",
        subcommands = {
            Step.class, Limit.class, Ladder.class, Scaling.class, Inference.class, Start.class, Curve.class,
            Peers.class, Baselines.class, SimSpeed.class})
public final class Bench implements Runnable {
    @Spec
    private CommandSpec spec;

    private Bench() {}

    public static void main(String[] arguments) {
        System.exit(new CommandLine(new Bench()).setExecutionExceptionHandler((failure, command, _) -> {
            System.err.println(command.getCommandName() + ": " + failure.getMessage());
            return command.getCommandSpec().exitCodeOnExecutionException();
        }).execute(arguments));
    }

    /** Everything that this build can measure. */
    @Override
    public void run() {
        for (var command : spec.subcommands().values()) {
            boolean possible = command.getCommand() instanceof Measurement
                    && !(command.getCommand() instanceof Peers && !Peers.isBuilt());
            if (possible && command.execute() != 0) {
                throw new IllegalStateException(command.getCommandName() + " failed");
            }
        }
    }
}
