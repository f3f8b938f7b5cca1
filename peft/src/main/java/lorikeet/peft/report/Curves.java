package lorikeet.peft.report;

import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import lorikeet.model.Training;

/** What the steps of a training were like, as columns of numbers to be drawn. */
final class Curves {
    /** More points than this would not be told apart: then each is the mean over several steps. */
    private static final int POINTS = 1000;

    private final List<Training.Step> steps = new ArrayList<>();

    /**
     * Numbers of equal count; what is not finite is null.
     *
     * @param window how many steps a point stands for
     * @param step   the last of them
     */
    public record Columns(int window, List<Integer> step, List<Float> loss, List<Float> lr, List<Float> gradNorm,
            List<Float> tokensPerSecond, List<Float> seconds) {}

    /** One step under the names of the columns. */
    public record Row(int step, Float loss, Float lr, Float gradNorm, Float tokensPerSecond, Float seconds) {
        static Row of(Training.Step step) {
            return new Row(step.step(), finite(step.loss()), finite(step.rate()), finite(step.norm()),
                    finite(step.tokens() / step.seconds()), finite(step.seconds()));
        }
    }

    void add(Training.Step step) {
        steps.add(step);
    }

    Columns columns() {
        int window = Math.max(1, Math.ceilDiv(steps.size(), POINTS));
        var starts = IntStream.iterate(0, from -> from < steps.size(), from -> from + window).boxed().toList();
        var groups = starts.stream()
                .map(from -> steps.subList(from, Math.min(from + window, steps.size()))).toList();
        return new Columns(window, groups.stream().map(group -> group.getLast().step()).toList(),
                means(groups, Training.Step::loss), means(groups, Training.Step::rate),
                means(groups, Training.Step::norm), means(groups, step -> step.tokens() / step.seconds()),
                means(groups, Training.Step::seconds));
    }

    private static List<Float> means(List<List<Training.Step>> groups, ToDoubleFunction<Training.Step> number) {
        var means = new ArrayList<Float>();
        groups.forEach(group -> means.add(finite(group.stream().mapToDouble(number).average().orElseThrow())));
        return means;
    }

    private static Float finite(double value) {
        return Double.isFinite(value) ? (float) value : null;
    }
}
