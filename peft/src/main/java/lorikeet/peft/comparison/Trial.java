package lorikeet.peft.comparison;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;
import java.util.Map;
import lorikeet.kernels.Purpose;

/**
 * One finished run: a method trained on one task with one seed, and what came of it. The untouched base is a trial
 * without training.
 *
 * @param trained        numbers that were trained
 * @param all            numbers in base and adapter together
 * @param losses         of each step, before its update
 * @param secondsPerStep the median; NaN without training
 * @param memory         bytes by purpose, when most were in use in training
 * @param adapterBytes   size of the adapter's files
 */
public record Trial(Setup setup, long trained, long all, List<Float> losses, double secondsPerStep,
        Map<Purpose, Long> memory, long adapterBytes, Score score) {

    /**
     * What decides the outcome: trials of equal setups are the same trial.
     *
     * @param method   as it was asked for, with its options
     * @param data     name of the task
     * @param seed     of first values, order and dropout
     * @param settings everything else, by name
     */
    public record Setup(String method, String data, long seed, Map<String, String> settings) {
        /** The method of a trial that trains nothing. */
        public static final String UNTOUCHED = "untouched base";
    }

    /**
     * How it did on held-out examples.
     *
     * @param loss     mean over tokens
     * @param accuracy share of right labels, or null for a task without labels
     * @param topFive  share of right labels among the five scored highest, likewise
     * @param rougeL   mean ROUGE-L of generated completions, or null where none were generated
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Score(double loss, Double accuracy, Double topFive, Double rougeL) {

        /** "accuracy, %: 74.2". */
        @Override
        public String toString() {
            return "%s: %s".formatted(measure(), ("%." + digits() + "f").formatted(value()));
        }

        /** What the task is judged by, in words. */
        String measure() {
            return accuracy != null ? "accuracy, %" : rougeL != null ? "ROUGE-L, %" : "loss";
        }

        /** The number that {@link #measure} names. */
        double value() {
            return accuracy != null ? 100 * accuracy : rougeL != null ? 100 * rougeL : loss;
        }

        /** How many digits of it behind the point mean something. */
        int digits() {
            return accuracy != null || rougeL != null ? 1 : 3;
        }
    }
}
