package lorikeet.model.data;

import java.util.List;
import lorikeet.model.text.Tokenizer;

/**
 * A task before it is tokens. Its examples stand in random order, so that the first so many are a fair sample.
 *
 * @param labels the completions there are, for a task that chooses between a few; otherwise empty
 */
public record TextTask(String name, List<TextExample> training, List<TextExample> evaluation, List<String> labels) {

    public TextTask {
        training = List.copyOf(training);
        evaluation = List.copyOf(evaluation);
        labels = List.copyOf(labels);
    }

    /**
     * Only the first examples.
     *
     * @param training   how many to train on; 0: all
     * @param evaluation how many to evaluate with; 0: all
     */
    public TextTask first(int training, int evaluation) {
        return new TextTask(name, first(this.training, training), first(this.evaluation, evaluation), labels);
    }

    private static List<TextExample> first(List<TextExample> examples, int count) {
        return count == 0 ? examples : examples.subList(0, Math.min(count, examples.size()));
    }

    /** The task in tokens. */
    public Task encode(Tokenizer tokenizer) {
        var candidates = labels.stream().map(TextExample::text).toList();
        return new Task(name, TextExample.encode(training, tokenizer), TextExample.encode(evaluation, tokenizer),
                TextExample.encode(candidates, tokenizer).stream().map(Example::ids).toList());
    }
}
