package lorikeet.peft.cli;

import picocli.CommandLine.Option;

/** What decides everything random in a training. */
final class SeedOption {
    @Option(names = "--seed", defaultValue = "1", paramLabel = "N",
            description = "Of first values, order and dropout. Default: ${DEFAULT-VALUE}.")
    long seed;
}
