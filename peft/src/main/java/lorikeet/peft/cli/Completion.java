package lorikeet.peft.cli;

import java.util.concurrent.Callable;
import picocli.AutoComplete;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** Completion of commands, options and their values by the shell. */
@Command(name = "completion",
        description = "Prints a script with which bash and zsh complete commands, options and some of their values when you "
                + "press Tab.",
        footer = {"", "Example, for this shell:", "  lorikeet completion > ~/.lorikeet-completion",
            "  source ~/.lorikeet-completion", "", "For every new shell, a line for ~/.bashrc or ~/.zshrc:",
            "  [ -r ~/.lorikeet-completion ] && source ~/.lorikeet-completion"})
final class Completion implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() {
        System.out.print(AutoComplete.bash("lorikeet", spec.root().commandLine()));
        return 0;
    }
}
