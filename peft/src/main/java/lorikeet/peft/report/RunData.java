package lorikeet.peft.report;

import java.util.List;
import java.util.Map;
import lorikeet.kernels.Purpose;
import lorikeet.peft.Movements.Movement;

/**
 * All that the page of a training shows, in the form in which the page's script reads it.
 *
 * @param kind        of page
 * @param state       "running", or how it ended
 * @param live        whether more is to come from where the page came from
 * @param about       what is trained on what, by name
 * @param trained     numbers that are trained
 * @param all         numbers in base and adapter together
 * @param steps       of the whole run
 * @param evaluations in their order
 * @param majority    accuracy of always giving the commonest answer, or null
 * @param purposes    names, in the order of the bytes in {@code memory}
 * @param memory      through one step: measured first, then as full fine-tuning would have it
 * @param parameters  of the base and added ones
 * @param command     that repeats the run
 * @param repeat      versions, options and fingerprints, by name
 */
public record RunData(String kind, String title, String state, boolean live, Map<String, String> about, long trained,
        long all, int steps, Curves.Columns curves, List<Evaluated> evaluations, Double majority, List<String> purposes,
        List<StepMemory> memory, List<Movement> parameters, List<Sample> samples, String command,
        Map<String, String> repeat) {

    /**
     * What came of an evaluation; what is not known is null.
     *
     * @param step after which it was made
     */
    public record Evaluated(int step, Double loss, Double accuracy, Double standardError) {}

    /**
     * One held-out example; what there is not is null.
     *
     * @param wanted the right answer
     * @param before what the model made of the prompt before training
     */
    public record Sample(String prompt, String wanted, String before, String after) {}

    /** For {@code purposes}. */
    static List<String> purposeNames() {
        return List.of(Purpose.values()).stream().map(Purpose::label).toList();
    }
}
