package lorikeet.peft.cli;

import java.io.IOException;
import lorikeet.model.Decoder;
import lorikeet.model.ModelFolder;
import lorikeet.model.data.Task;
import lorikeet.model.text.Tokenizer;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** What to learn and to be tested on. */
final class DataOptions {
    @Option(names = "--data", defaultValue = "topics", paramLabel = "NAME|FILE",
            description = "topics (definition → topic), definitions (word → definition), or a file of JSON lines: "
                    + "{\"prompt\",\"completion\"}, {\"text\"}, {\"messages\"} or {\"input_ids\",\"labels\"}. "
                    + "Default: ${DEFAULT-VALUE}.")
    String data;

    @Option(names = "--eval-data", paramLabel = "FILE|none",
            description = "What to evaluate with. Default: what topics and definitions hold out; none for a file.")
    String evalData;

    @Mixin
    private ExampleOptions examples;

    /**
     * @param tokenizer     null where the base has none
     * @param virtualTokens that take room in the model's context
     */
    Task read(ModelFolder folder, Tokenizer tokenizer, int virtualTokens) throws IOException {
        return examples.read(data, evalData, folder, tokenizer, virtualTokens);
    }

    /** The same with nothing to train on; a file given as --data is itself evaluated with, unless --eval-data is given. */
    Task evaluationOf(ModelFolder folder, Tokenizer tokenizer, Decoder decoder) throws IOException {
        examples.requireNoTraining();
        if (!ExampleOptions.isBundled(data) && evalData == null) {
            evalData = data;
        }
        var task = read(folder, tokenizer, decoder.virtualTokens());
        if (task.evaluation().isEmpty()) {
            throw new WrongUsage("--eval-data: expected something to evaluate with");
        }
        return task;
    }
}
