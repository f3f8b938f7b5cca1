package lorikeet.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import lorikeet.engine.Autograd;
import lorikeet.model.data.Batch;
import lorikeet.model.data.Example;
import lorikeet.model.data.Task;

/**
 * How well a decoder does on examples that it was not trained on.
 *
 * @param examples      how many
 * @param loss          mean over all their labels, not over batches
 * @param accuracy      share of right answers: the right label scored highest, or, where there are no labels to choose from,
 *                      the completion generated exactly; NaN if that was not asked for, or a text without a prompt is
 *                      among the examples
 * @param topFive       share of examples whose right label is among the five scored highest; NaN without labels
 * @param standardError of the accuracy, √(p (1 − p) / examples)
 * @param majority      accuracy of always answering with the commonest label; NaN without labels
 */
public record Evaluation(int examples, double loss, double accuracy, double topFive, double standardError,
        double majority) {
    /** Tokens that go through the decoder at a time. */
    private static final int BATCH_TOKENS = 4096;
    private static final int BATCH_PROMPTS = 64;

    /** e to the loss: between how many tokens the model was undecided, on average. */
    public double perplexity() {
        return Math.exp(loss);
    }

    /**
     * Evaluates on all examples of the task's evaluation part.
     *
     * @param answers   whether to find the accuracy, which for tasks without labels means generating text
     * @param endOfText the token that ends a text
     * @param progress  is told how many examples are done
     */
    public static Evaluation of(Decoder decoder, Task task, boolean answers, int endOfText, IntConsumer progress) {
        // similar lengths together; the order of summation stays the same for the same examples
        var examples = task.evaluation().stream().sorted(Comparator.comparingInt(Example::length)).toList();
        boolean prompts = examples.stream().allMatch(example -> example.prompt().length > 0);
        if (!answers || !prompts || examples.isEmpty()) {
            return new Evaluation(examples.size(), loss(decoder, examples), Double.NaN, Double.NaN, Double.NaN,
                    Double.NaN);
        }
        return task.labels().isEmpty()
                ? withTexts(decoder, examples, endOfText, progress)
                : withLabels(decoder, task, examples, progress);
    }

    private static Evaluation withTexts(Decoder decoder, List<Example> examples, int endOfText, IntConsumer progress) {
        double loss = loss(decoder, examples);
        int right = 0;
        int done = 0;
        for (var batch : batches(examples, BATCH_PROMPTS)) {
            right += exactlyGenerated(decoder, batch, endOfText);
            done += batch.size();
            progress.accept(done);
        }
        double accuracy = (double) right / examples.size();
        return new Evaluation(examples.size(), loss, accuracy, Double.NaN, standardError(accuracy, examples.size()),
                Double.NaN);
    }

    /** Where every example has its label, the loss is what the labels' scores say: nothing is computed twice. */
    private static Evaluation withLabels(Decoder decoder, Task task, List<Example> examples, IntConsumer progress) {
        var right = examples.stream().mapToInt(task::labelOf).toArray();
        int first = 0;
        int amongFive = 0;
        double likelihood = 0;
        long tokens = 0;
        int from = 0;
        for (var batch : batches(examples, BATCH_PROMPTS)) {
            int to = from + batch.size();
            var scores = LabelScores.besides(Arrays.copyOfRange(right, from, to), decoder,
                    batch.stream().map(Example::prompt).toList(), task.labels());
            for (int i = from; i < to; i++) {
                int rank = rank(scores[i - from], right[i]);
                first += rank < 1 ? 1 : 0;
                amongFive += rank < 5 ? 1 : 0;
                if (right[i] >= 0) {
                    likelihood += scores[i - from][right[i]];
                    tokens += task.labels().get(right[i]).length;
                }
            }
            from = to;
            progress.accept(to);
        }
        boolean complete = Arrays.stream(right).allMatch(label -> label >= 0);
        double accuracy = (double) first / examples.size();
        return new Evaluation(examples.size(), complete ? -likelihood / tokens : loss(decoder, examples), accuracy,
                (double) amongFive / examples.size(), standardError(accuracy, examples.size()),
                majority(right, task.labels().size()));
    }

    private static double standardError(double accuracy, int examples) {
        return Math.sqrt(accuracy * (1 - accuracy) / examples);
    }

    private static double loss(Decoder decoder, List<Example> examples) {
        double sum = 0;
        long labels = 0;
        for (var batch : batches(examples, Integer.MAX_VALUE)) {
            var joined = Batch.of(batch);
            try (var _ = decoder.device().memory().scope()) {
                sum += Autograd.off(() -> decoder.loss(joined.sequences(), joined.labels(), 1, Pass.EVALUATION)).item();
            }
            labels += joined.labelCount(decoder.promptLength());
        }
        return sum / labels;
    }

    /** What goes through the decoder at a time: neighbours, {@code most} of them or fewer that are long. */
    static List<List<Example>> batches(List<Example> examples, int most) {
        var batches = new ArrayList<List<Example>>();
        int from = 0;
        int tokens = 0;
        for (int i = 0; i < examples.size(); i++) {
            tokens += examples.get(i).length();
            if (tokens >= BATCH_TOKENS || i + 1 - from == most || i + 1 == examples.size()) {
                batches.add(examples.subList(from, i + 1));
                from = i + 1;
                tokens = 0;
            }
        }
        return batches;
    }

    /**
     * How many labels are not scored below the right one. Of equal scores the first is the higher; what is not a number is
     * never above another.
     *
     * @param right its place; −1, and the answer is the largest number there is, if none is right
     */
    static int rank(double[] scores, int right) {
        return right < 0
                ? Integer.MAX_VALUE
                : (int) IntStream.range(0, scores.length).filter(label -> label != right
                        && !(scores[right] > scores[label] || scores[right] == scores[label] && right < label))
                        .count();
    }

    private static int exactlyGenerated(Decoder decoder, List<Example> batch, int endOfText) {
        int right = 0;
        var prompts = batch.stream().map(Example::prompt).toList();
        int longest = batch.stream().mapToInt(example -> example.completion().length).max().orElse(0);
        var texts = Generation.continueGreedily(decoder, prompts, longest, endOfText);
        for (int i = 0; i < batch.size(); i++) {
            // as far as if it were alone: others may need more tokens than a completion without end-of-text has
            int own = Math.min(texts.get(i).length, batch.get(i).completion().length);
            right += Arrays.equals(batch.get(i).answer(endOfText), Arrays.copyOf(texts.get(i), own)) ? 1 : 0;
        }
        return right;
    }

    /** Share of the commonest label among the right ones. */
    private static double majority(int[] right, int labels) {
        var counts = new int[labels];
        for (int label : right) {
            if (label >= 0) {
                counts[label]++;
            }
        }
        return (double) IntStream.of(counts).max().orElse(0) / right.length;
    }
}
