package lorikeet.peft.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import lorikeet.model.Decoder;
import lorikeet.model.ModelFolder;
import lorikeet.model.data.Dataset;
import lorikeet.model.data.Example;
import lorikeet.model.data.JsonLines;
import lorikeet.model.data.Task;
import lorikeet.model.data.WordNet;
import lorikeet.model.data.WordNetTasks;
import lorikeet.model.text.Tokenizer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Option;

/** What to learn and to be tested on. */
final class DataOptions {
    private static final Logger LOG = LoggerFactory.getLogger(DataOptions.class);

    @Option(names = "--data", defaultValue = "topics", paramLabel = "NAME|FILE",
            description = "topics (definition → topic), definitions (word → definition), or a file of JSON lines: "
                    + "{\"prompt\",\"completion\"}, {\"text\"}, {\"messages\"} or {\"input_ids\",\"labels\"}. "
                    + "Default: ${DEFAULT-VALUE}.")
    String data;

    @Option(names = "--eval-data", paramLabel = "FILE|none",
            description = "What to evaluate with. Default: what topics and definitions hold out; none for a file.")
    String evalData;

    @Option(names = "--eval-limit", defaultValue = "2000", paramLabel = "N",
            description = "Evaluate with the first N examples only; 0 = all. Default: ${DEFAULT-VALUE}.")
    int evalLimit;

    @Option(names = "--train-limit", paramLabel = "N",
            description = "Train on the first N examples only; 0 = all. Default: " + Yardstick.EXAMPLES
                    + " of topics and definitions, all of a file.")
    Integer trainLimit;

    @Option(names = "--seq-len", paramLabel = "N",
            description = "Longest example in tokens. Default: what the model's context leaves.")
    Integer seqLen;

    /** @param tokenizer null where the base has none */
    Task read(ModelFolder folder, Tokenizer tokenizer, Decoder decoder) throws IOException {
        if (evalLimit < 0 || trainLimit != null && trainLimit < 0) {
            throw new WrongUsage("--eval-limit and --train-limit: expected at least 0");
        }
        int room = folder.config().shape().context() - decoder.virtualTokens();
        int length = seqLen == null ? room : seqLen;
        if (length < 2 || length > room) {
            throw new WrongUsage(
                    "--seq-len: expected 2 to " + room + ", what the model's context leaves, not " + length);
        }
        int vocabulary = folder.config().shape().vocabulary();
        var task = switch (data) {
            case "topics", "definitions" -> bundled(tokenizer);
            default -> new Task(Path.of(data).getFileName().toString(),
                    JsonLines.read(Path.of(data), tokenizer, vocabulary), List.of(), List.of());
        };
        var evaluation = evalData == null
                ? task.evaluation()
                : evalData.equals("none")
                        ? List.<Example>of()
                        : JsonLines.read(Path.of(evalData), tokenizer, vocabulary);
        if (evaluation.isEmpty() && evalData == null) {
            LOG.info("{}: nothing is held out for evaluation; give --eval-data FILE to evaluate", data);
        }
        return new Task(task.name(), fit(data, first(task.training(), trainLimit()), length),
                fit("evaluation", first(evaluation, evalLimit), length), task.labels());
    }

    /** Whether the data is one of the two that come with Lorikeet. */
    boolean isBundled() {
        return data.equals("topics") || data.equals("definitions");
    }

    private int trainLimit() {
        return trainLimit != null ? trainLimit : isBundled() ? Yardstick.EXAMPLES : 0;
    }

    /** The same with nothing to train on; a file given as --data is itself evaluated with, unless --eval-data is given. */
    Task evaluationOf(ModelFolder folder, Tokenizer tokenizer, Decoder decoder) throws IOException {
        if (!isBundled() && evalData == null) {
            evalData = data;
        }
        var task = read(folder, tokenizer, decoder);
        if (task.evaluation().isEmpty()) {
            throw new WrongUsage("--eval-data: expected something to evaluate with");
        }
        return task;
    }

    private Task bundled(Tokenizer tokenizer) throws IOException {
        if (tokenizer == null) {
            throw new IOException("--data " + data + " needs a base with a tokenizer.json");
        }
        var wordNet = WordNet.load();
        var task = data.equals("topics") ? WordNetTasks.topics(wordNet) : WordNetTasks.definitions(wordNet);
        return task.first(trainLimit(), evalLimit).encode(tokenizer);
    }

    private static List<Example> first(List<Example> examples, int limit) {
        return limit == 0 || examples.size() <= limit ? examples : examples.subList(0, limit);
    }

    private static List<Example> fit(String name, List<Example> examples, int length) {
        if (examples.isEmpty()) {
            return examples;
        }
        var dataset = Dataset.fit(examples, length);
        dataset.remarks().forEach(remark -> LOG.info("{}: {}", name, remark));
        return dataset.examples();
    }
}
