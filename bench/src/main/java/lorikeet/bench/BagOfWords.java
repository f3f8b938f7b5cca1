package lorikeet.bench;

import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.regex.Pattern;
import lorikeet.model.data.TextExample;
import lorikeet.model.data.TextTask;

/**
 * The yardstick for tasks that choose between a few labels: a linear classifier over the words of the prompt, in any
 * order (multinomial logistic regression, trained by stochastic gradient descent on one example at a time).
 */
final class BagOfWords {
    private static final Pattern WORD = Pattern.compile("[\\p{L}\\p{N}]+");
    private static final int EPOCHS = 10;
    private static final double RATE = 0.2; // falls to 0; 0.1 and 0.5 come within a percentage point

    private final List<String> labels;
    private final Map<String, Integer> words = new HashMap<>();
    private final double[][] weights; // [words + 1, labels]; the last row is the bias

    private BagOfWords(TextTask task) {
        labels = task.labels();
        task.training().forEach(example -> WORD.matcher(example.prompt().toLowerCase(Locale.ROOT)).results()
                .forEach(word -> words.putIfAbsent(word.group(), words.size())));
        weights = new double[words.size() + 1][labels.size()];
    }

    /** Learns a task's training examples; the same seed gives the same classifier. */
    static BagOfWords train(TextTask task, long seed) {
        var classifier = new BagOfWords(task);
        var inputs = task.training().stream().map(example -> classifier.words(example)).toArray(int[][]::new);
        var targets = task.training().stream().mapToInt(e -> task.labels().indexOf(e.completion())).toArray();
        var random = new Random(seed);
        int steps = EPOCHS * inputs.length;
        for (int step = 0; step < steps; step++) {
            int e = random.nextInt(inputs.length);
            classifier.step(inputs[e], targets[e], RATE * (1 - (double) step / steps));
        }
        return classifier;
    }

    /** Rows of the words in a prompt, each once, and of the bias. Words never trained on are left out. */
    private int[] words(TextExample example) {
        var known = WORD.matcher(example.prompt().toLowerCase(Locale.ROOT)).results()
                .map(word -> words.getOrDefault(word.group(), -1)).filter(row -> row >= 0).distinct().toList();
        var rows = new int[known.size() + 1];
        for (int i = 0; i < known.size(); i++) {
            rows[i] = known.get(i);
        }
        rows[known.size()] = words.size();
        return rows;
    }

    private void step(int[] rows, int target, double rate) {
        var probabilities = probabilities(rows);
        for (int row : rows) {
            for (int label = 0; label < labels.size(); label++) {
                weights[row][label] -= rate * (probabilities[label] - (label == target ? 1 : 0));
            }
        }
    }

    private double[] probabilities(int[] rows) {
        var probabilities = new double[labels.size()];
        for (int row : rows) {
            for (int label = 0; label < probabilities.length; label++) {
                probabilities[label] += weights[row][label];
            }
        }
        double largest = Double.NEGATIVE_INFINITY;
        for (double score : probabilities) {
            largest = Math.max(largest, score);
        }
        double sum = 0;
        for (int label = 0; label < probabilities.length; label++) {
            sum += probabilities[label] = Math.exp(probabilities[label] - largest);
        }
        for (int label = 0; label < probabilities.length; label++) {
            probabilities[label] /= sum;
        }
        return probabilities;
    }

    /** The most probable label. */
    String label(TextExample example) {
        var probabilities = probabilities(words(example));
        int best = 0;
        for (int label = 1; label < probabilities.length; label++) {
            best = probabilities[label] > probabilities[best] ? label : best;
        }
        return labels.get(best);
    }

    /** The share of examples whose label is found. */
    double accuracy(List<TextExample> examples) {
        return examples.stream().filter(e -> label(e).equals(e.completion())).count() / (double) examples.size();
    }
}
