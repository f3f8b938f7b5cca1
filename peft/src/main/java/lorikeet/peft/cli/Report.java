package lorikeet.peft.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Map;
import java.util.stream.Collectors;
import lorikeet.kernels.Purpose;
import lorikeet.model.Evaluation;
import picocli.CommandLine.Model.CommandSpec;

/** How results are said. */
final class Report {
    private Report() {}

    /** "loss 1.23 (perplexity 3.4), accuracy 67.1 % ± 1.0 (94.2 % among the first five) on 2,000 held-out examples". */
    static String evaluation(Evaluation evaluation) {
        var text =
                new StringBuilder("loss %.4f (perplexity %.2f)".formatted(evaluation.loss(), evaluation.perplexity()));
        if (!Double.isNaN(evaluation.accuracy())) {
            text.append(", accuracy %.1f %% ± %.1f".formatted(100 * evaluation.accuracy(),
                    100 * evaluation.standardError()));
        }
        if (!Double.isNaN(evaluation.topFive())) {
            text.append(" (%.1f %% among the first five)".formatted(100 * evaluation.topFive()));
        }
        return text.append(" on %,d held-out examples".formatted(evaluation.examples())).toString();
    }

    /** "trainable params: 294,912 || all params: 124,734,720 || trainable%: 0.2364", as Hugging Face PEFT prints it. */
    static String trainable(long trainable, long all) {
        return "trainable params: %,d || all params: %,d || trainable%%: %.4f".formatted(trainable, all,
                100.0 * trainable / all);
    }

    /** The whole command line, as a shell takes it. */
    static String command(CommandSpec spec) {
        return spec.root().commandLine().getParseResult().originalArgs().stream()
                .map(argument -> argument.matches("[\\w./:=,@%+-]+")
                        ? argument
                        : "'" + argument.replace("'", "'\\''") + "'")
                .collect(Collectors.joining(" ", "./lorikeet ", ""));
    }

    /** For scripts, but indented. */
    static String json(Object value) throws JsonProcessingException {
        return new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(value) + "\n";
    }

    /** "27.0 GB" of 1e9 bytes, or "24.9 MB" of 1e6. */
    static String bytes(long bytes) {
        return bytes >= 1e9 ? "%,.1f GB".formatted(bytes / 1e9) : "%.1f MB".formatted(bytes / 1e6);
    }

    /** "weights 25.1 MB, gradients 0.6 MB, …": what each purpose had at the peak. */
    static String memory(Map<Purpose, Long> bytes) {
        return bytes.entrySet().stream()
                .map(entry -> entry.getKey().label() + " " + bytes(entry.getValue()))
                .collect(Collectors.joining(", "));
    }
}
