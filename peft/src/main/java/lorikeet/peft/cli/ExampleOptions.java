package lorikeet.peft.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import lorikeet.model.ModelFolder;
import lorikeet.model.data.Dataset;
import lorikeet.model.data.Example;
import lorikeet.model.data.JsonLines;
import lorikeet.model.data.Task;
import lorikeet.model.data.WordNet;
import lorikeet.model.data.WordNet.PartOfSpeech;
import lorikeet.model.data.WordNetTasks;
import lorikeet.model.text.Tokenizer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Option;

/** How many examples of some data, and how long. */
final class ExampleOptions {
    private static final Logger LOG = LoggerFactory.getLogger(ExampleOptions.class);

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

    /**
     * @param data          a bundled task, or a file
     * @param evalData      a file, none, or null for what the bundled tasks hold out
     * @param tokenizer     null where the base has none
     * @param virtualTokens that take room in the model's context
     */
    Task read(String data, String evalData, ModelFolder folder, Tokenizer tokenizer, int virtualTokens)
            throws IOException {
        if (evalLimit < 0 || trainLimit != null && trainLimit < 0) {
            throw new WrongUsage("--eval-limit and --train-limit: expected at least 0");
        }
        int room = folder.config().shape().context() - virtualTokens;
        if (room < 2) {
            throw new WrongUsage(virtualTokens + " virtual tokens leave no room for examples in the model's context of "
                    + folder.config().shape().context());
        }
        int length = seqLen == null ? room : seqLen;
        if (length < 2 || length > room) {
            throw new WrongUsage(
                    "--seq-len: expected 2 to " + room + ", what the model's context leaves, not " + length);
        }
        int vocabulary = folder.config().shape().vocabulary();
        var task = switch (data) {
            case "topics", "definitions" -> bundled(data, tokenizer);
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
        return new Task(task.name(), fit(data, first(task.training(), trainLimit(data)), length),
                fit("evaluation", first(evaluation, evalLimit), withRoomForLabels(task, length, room)), task.labels());
    }

    /** How long an example may be so that its prompt fits the context with any other label, too. */
    private static int withRoomForLabels(Task task, int length, int room) {
        var lengths = task.labels().stream().mapToInt(label -> label.length).summaryStatistics();
        return task.labels().isEmpty() ? length : Math.clamp(room - lengths.getMax() + lengths.getMin(), 2, length);
    }

    /** @throws WrongUsage if examples to train on are limited where none are */
    void requireNoTraining() {
        if (trainLimit != null) {
            throw new WrongUsage("--train-limit means nothing where nothing is trained");
        }
    }

    /** Whether the data is one of the two that come with Lorikeet. */
    static boolean isBundled(String data) {
        return data.equals("topics") || data.equals("definitions");
    }

    private int trainLimit(String data) {
        return trainLimit != null ? trainLimit : isBundled(data) ? Yardstick.EXAMPLES : 0;
    }

    private Task bundled(String data, Tokenizer tokenizer) throws IOException {
        if (tokenizer == null) {
            throw new IOException("--data " + data + " needs a base with a tokenizer.json");
        }
        var task = data.equals("topics")
                ? WordNetTasks.topics(WordNet.load(PartOfSpeech.NOUN))
                : WordNetTasks.definitions(WordNet.load());
        return task.first(trainLimit(data), evalLimit).encode(tokenizer);
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
