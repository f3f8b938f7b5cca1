package lorikeet.model.data;

import java.util.Arrays;
import java.util.List;

/**
 * What to learn and how to tell whether it has been learned.
 *
 * @param evaluation examples kept away from training; may be empty
 * @param labels     the completions there are, end-of-text included, for a task that chooses between a few; otherwise
 *                   empty
 */
public record Task(String name, List<Example> training, List<Example> evaluation, List<int[]> labels) {

    public Task {
        training = List.copyOf(training);
        evaluation = List.copyOf(evaluation);
        labels = List.copyOf(labels);
    }

    /** The place of an example's completion among the labels; −1 if it is none of them. */
    public int labelOf(Example example) {
        var completion = example.completion();
        for (int i = 0; i < labels.size(); i++) {
            if (Arrays.equals(labels.get(i), completion)) {
                return i;
            }
        }
        return -1;
    }
}
