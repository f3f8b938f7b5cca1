package lorikeet.peft.comparison;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import lorikeet.kernels.Purpose;
import lorikeet.peft.report.Page;

/**
 * A comparison as a page, in the form in which the page's script reads it.
 *
 * @param kind    of page
 * @param state   how many runs there were, in words
 * @param about   what was trained on what, by name
 * @param head    of the table
 * @param rows    of the table, a method each
 * @param tasks   the scores on each task
 * @param memory  of each method on the first task
 * @param runs    losses of each method on each task, of the first seed
 * @param command that repeats the comparison
 * @param repeat  versions and options, by name
 */
public record ComparisonPage(String kind, String title, String state, Map<String, String> about, List<String> head,
        List<List<String>> rows, List<Scores> tasks, List<String> purposes, List<Bytes> memory, List<Losses> runs,
        String command, Map<String, String> repeat) {
    /** Points of a loss curve. */
    private static final int POINTS = 200;

    /** @param untouched score of the base before training, or null */
    record Scores(String name, String measure, Double untouched, List<Score> methods) {}

    /** Mean and spread over seeds. */
    record Score(String method, long trained, double score, double spread) {}

    /** @param bytes in the order of the purposes */
    record Bytes(String method, List<Long> bytes) {}

    /**
     * @param window how many steps a point is the mean over
     * @param loss   what is not finite is null
     */
    record Losses(String method, String data, int window, List<Float> loss) {}

    /** @param command that repeats the comparison */
    public static ComparisonPage of(Comparison comparison, String command, String version) {
        var rows = comparison.rows();
        var trained = rows.stream().filter(row -> row.any().trained() > 0).toList();
        var tasks = comparison.tasks();
        return new ComparisonPage("compare",
                trained.size() + (trained.size() == 1 ? " method" : " methods") + " on " + String.join(" and ", tasks),
                rows.stream().flatMap(row -> row.tasks().values().stream()).mapToInt(List::size).sum() + " runs",
                about(rows),
                comparison.head(), rows.stream().map(comparison::cells).toList(),
                tasks.stream().map(task -> scores(task, comparison)).toList(),
                Stream.of(Purpose.values()).map(Purpose::label).toList(),
                trained.stream().filter(row -> row.tasks().containsKey(tasks.getFirst()))
                        .map(row -> bytes(row.method(), row.on(tasks.getFirst()).getFirst())).toList(),
                tasks.stream().flatMap(task -> trained.stream().filter(row -> row.tasks().containsKey(task))
                        .map(row -> losses(row, task))).filter(losses -> !losses.loss.isEmpty()).toList(),
                command, repeat(trained, version));
    }

    private static Map<String, String> about(List<Comparison.Row> rows) {
        var settings = rows.getFirst().any().setup().settings();
        var about = new LinkedHashMap<String, String>();
        List.of("base", "device").forEach(name -> about.put(name, settings.get(name)));
        return about;
    }

    /** What all runs that train have in common. */
    private static Map<String, String> repeat(List<Comparison.Row> trained, String version) {
        var repeat = new LinkedHashMap<>(Map.of("version", version));
        var settings = trained.stream().flatMap(row -> row.tasks().values().stream()).flatMap(List::stream)
                .map(trial -> trial.setup().settings()).toList();
        settings.stream().findFirst().ifPresent(first -> first.keySet().stream().sorted()
                .filter(name -> settings.stream().allMatch(each -> first.get(name).equals(each.get(name))))
                .forEach(name -> repeat.put(name, first.get(name))));
        return repeat;
    }

    private static Bytes bytes(String method, Trial trial) {
        return new Bytes(method, Stream.of(Purpose.values()).map(trial.memory()::get).toList());
    }

    private static Scores scores(String task, Comparison comparison) {
        var scored = comparison.rows().stream().filter(row -> row.tasks().containsKey(task)).map(row -> {
            var trials = row.tasks().get(task);
            var values = trials.stream().mapToDouble(trial -> trial.score().value()).toArray();
            return new Score(row.method(), trials.getFirst().trained(), Comparison.mean(values),
                    Comparison.spread(values));
        }).toList();
        return new Scores(task, comparison.measure(task),
                scored.stream().filter(score -> score.trained == 0).map(Score::score).findFirst().orElse(null),
                scored.stream().filter(score -> score.trained > 0).toList());
    }

    private static Losses losses(Comparison.Row row, String task) {
        var losses = row.tasks().get(task).getFirst().losses();
        int window = Math.max(1, Math.ceilDiv(losses.size(), POINTS));
        var means = IntStream.range(0, losses.size() / window)
                .mapToObj(point -> losses.subList(point * window, (point + 1) * window).stream()
                        .mapToDouble(Float::doubleValue).average().orElseThrow())
                .map(mean -> Double.isFinite(mean) ? Float.valueOf(mean.floatValue()) : null).toList();
        return new Losses(row.method(), task, window, means);
    }

    /** Writes it as a file that needs nothing else. */
    public void write(Path file) throws IOException {
        Page.write(file, this);
    }
}
