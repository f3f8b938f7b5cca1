package lorikeet.peft.cli;

import lorikeet.model.Evaluation;
import lorikeet.model.data.Task;

/**
 * What a classifier without any language model reaches on {@code topics} when it is trained on the same examples: logistic
 * regression on the words of a definition. Measured by the command it names.
 */
final class Yardstick {
    /** Examples of the bundled tasks that are trained on unless asked otherwise. */
    static final int EXAMPLES = 6000;
    private static final int EVALUATED = 2000;
    private static final double ACCURACY = 69.4;

    private Yardstick() {}

    /** One line, or null where what was measured is not comparable. */
    static String line(Task task, Evaluation evaluation) {
        boolean comparable = task.name().equals("topics") && task.training().size() == EXAMPLES
                && evaluation.examples() == EVALUATED;
        return !comparable
                ? null
                : "bag of words on the same %,d examples: %.1f %% (./lorikeet bench baselines --examples %d --eval-limit %d)"
                        .formatted(EXAMPLES, ACCURACY, EXAMPLES, EVALUATED);
    }
}
