package lorikeet.peft;

import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The command line: {@code lorikeet COMMAND [options]}. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted. */
@Command(name = "lorikeet", mixinStandardHelpOptions = true, versionProvider = Lorikeet.Version.class, description = "Fine-tunes GPT-style language models, with every method of the PEFT lecture.")
public final class Lorikeet implements Runnable {
    @Spec
    private CommandSpec spec;

    private Lorikeet() {}

    public static void main(String[] arguments) {
        System.exit(new CommandLine(new Lorikeet()).execute(arguments));
    }

    /** Without a command. */
    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "a command is missing");
    }

    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() {
            var version = Lorikeet.class.getPackage().getImplementationVersion();
            return new String[] {
                "Lorikeet " + (version == null ? "(not packaged)" : version) + ", Java " + Runtime.version() + ", "
                        + System.getProperty("os.name") + " " + System.getProperty("os.arch")};
        }
    }
}
