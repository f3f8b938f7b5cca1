package lorikeet.bench;

import static java.util.stream.Collectors.counting;
import static java.util.stream.Collectors.groupingBy;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import lorikeet.model.data.TextExample;
import lorikeet.model.data.TextTask;
import lorikeet.model.data.WordNet;
import lorikeet.model.data.WordNetTasks;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** What {@code topics} comes to without a language model: the accuracy that fine-tuning has to beat. */
@Command(name = "baselines", mixinStandardHelpOptions = true, showDefaultValues = true,
        description = "Accuracy of simple classifiers on held-out definitions of the task topics.")
final class Baselines implements Runnable {
    @Option(names = "--examples", split = ",", defaultValue = "6000,0", paramLabel = "N",
            description = "Training examples; 0: all. Several numbers give several lines.")
    private List<Integer> examples;

    @Option(names = "--eval-limit", defaultValue = "0", paramLabel = "N",
            description = "Held-out definitions; 0: all.")
    private int evalLimit;

    @Option(names = "--seed", defaultValue = "1", description = "Order of the training examples.")
    private long seed;

    @Override
    public void run() {
        var topics = WordNetTasks.topics(WordNet.load()).first(0, evalLimit);
        print("always" + majority(topics), share(topics.evaluation(), majority(topics)), topics);
        for (int count : examples) {
            var task = topics.first(count, 0);
            print("bag of words, %,d examples".formatted(task.training().size()),
                    BagOfWords.train(task, seed).accuracy(task.evaluation()), topics);
        }
    }

    /** The label that most training examples have. */
    static String majority(TextTask task) {
        return task.training().stream().collect(groupingBy(TextExample::completion, counting())).entrySet().stream()
                .max(Map.Entry.<String, Long>comparingByValue().thenComparing(Map.Entry.comparingByKey()))
                .orElseThrow().getKey();
    }

    private static double share(List<TextExample> examples, String label) {
        return examples.stream().filter(e -> e.completion().equals(label)).count() / (double) examples.size();
    }

    private static void print(String name, double accuracy, TextTask task) {
        int n = task.evaluation().size();
        System.out.printf(Locale.ROOT, "%-32s %5.1f %% ± %.1f of %,d held-out definitions%n", name, 100 * accuracy,
                100 * Math.sqrt(accuracy * (1 - accuracy) / n), n);
    }
}
