package lorikeet.peft.cli;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import lorikeet.model.ModelFolder;
import lorikeet.peft.Method;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/**
 * A method as compare is told of it: a name, and behind a colon options of finetune's without their dashes, such as
 * {@code lora:rank=16,targets=c_attn,lr=1e-3}.
 *
 * @param text as it was given
 * @param rate its learning rate, or null where that is as for finetune: what --lr says, or the method's usual one
 */
record Contestant(String text, Method method, Float rate) {
    /** A comma in front of a method's name starts another method; other commas stand between or inside options. */
    private static final String BETWEEN = ",(?=(?:" + String.join("|", MethodOptions.NAMES) + ")(?:[:,]|$))";
    /** A comma in front of an option's name and its value. */
    private static final String BETWEEN_OPTIONS = ",(?=[a-z-]+=)";

    /** The options of one method. */
    @Command
    private static final class Options {
        @Mixin
        private MethodOptions method;
        @Option(names = "--lr")
        private Float rate;
    }

    /** @param list separated by commas */
    static List<Contestant> parseAll(String list, ModelFolder folder) throws IOException {
        var contestants = new ArrayList<Contestant>();
        for (var text : list.split(BETWEEN, -1)) {
            contestants.add(parse(text, folder));
        }
        if (contestants.stream().map(Contestant::text).distinct().count() < contestants.size()) {
            throw new WrongUsage("--methods: " + list + ": expected each once");
        }
        return contestants;
    }

    private static Contestant parse(String text, ModelFolder folder) throws IOException {
        int colon = text.indexOf(':');
        var name = colon < 0 ? text : text.substring(0, colon);
        var given = colon < 0 ? new String[0] : text.substring(colon + 1).split(BETWEEN_OPTIONS, -1);
        var options = new Options();
        try {
            new CommandLine(options).parseArgs(Stream.concat(Stream.of("--method=" + name),
                    Stream.of(given).map(option -> "--" + option)).toArray(String[]::new));
            var shape = folder.config().shape();
            var method = options.method.method(shape, prompt -> BaseOptions.tokens(folder, prompt));
            method.trainable(shape); // whether it fits
            if (options.rate != null && !TrainingOptions.isSize(options.rate)) {
                throw new IllegalArgumentException("lr: expected a number of at least 0");
            }
            if (method.virtualTokens() > shape.context() - 2) {
                throw new IllegalArgumentException("leaves no room in the model's context of " + shape.context());
            }
            return new Contestant(text, method, options.rate);
        } catch (ParameterException | IllegalArgumentException e) {
            throw new WrongUsage("--methods: " + text + ": " + e.getMessage());
        }
    }

    float rate(TrainingOptions options) {
        return rate != null ? rate : options.rate(LearningRates.of(method));
    }
}
