package lorikeet.peft.comparison;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;
import lorikeet.kernels.Purpose;

/**
 * The lecture's table, measured: what each method costs, and how well it does, mean and spread over seeds. What a training
 * costs is told of the first task.
 */
public final class Comparison {
    /** The setting that the table shows, by the name it has in {@link Trial.Setup#settings}. */
    public static final String LEARNING_RATE = "learning rate";

    /**
     * All trials of one method.
     *
     * @param tasks its trials on each task, one for each seed
     */
    record Row(String method, Map<String, List<Trial>> tasks) {

        List<Trial> firstTask() {
            return tasks.values().iterator().next();
        }

        /** The trial on the first task with the first seed. */
        Trial first() {
            return firstTask().getFirst();
        }

        double secondsPerStep() {
            return mean(firstTask().stream().mapToDouble(Trial::secondsPerStep).toArray());
        }
    }

    private final List<Trial> trials;
    private final List<Row> rows;

    /** @param trials in the order in which methods and tasks are to appear, at least one */
    public Comparison(List<Trial> trials) {
        this.trials = List.copyOf(trials);
        rows = this.trials.stream()
                .collect(Collectors.groupingBy(trial -> trial.setup().method(), LinkedHashMap::new,
                        Collectors.groupingBy(trial -> trial.setup().data(), LinkedHashMap::new, Collectors.toList())))
                .entrySet().stream().map(row -> new Row(row.getKey(), row.getValue())).toList();
    }

    List<Row> rows() {
        return rows;
    }

    /** The words above the table. */
    List<String> head() {
        return Stream.of(Stream.of("method", "trained parameters", "share", LEARNING_RATE),
                rows.getFirst().tasks.entrySet().stream()
                        .map(task -> task.getKey() + ": " + task.getValue().getFirst().score().measure()),
                Stream.of(Purpose.values()).map(purpose -> name(purpose) + ", MB"),
                Stream.of("peak, MB", "s/step", "adapter, MB"))
                .flatMap(part -> part).toList();
    }

    /** One row a method. */
    public String markdown() {
        var head = head();
        return Stream.concat(
                Stream.of(line(head), line(head.stream().map(name -> name.equals("method") ? "---" : "---:").toList())),
                rows.stream().map(row -> line(cells(row)))).collect(Collectors.joining());
    }

    static List<String> cells(Row row) {
        var first = row.first();
        var scores = row.tasks.values().stream().map(Comparison::score);
        if (first.trained() == 0) {
            return Stream.of(Stream.of(row.method, "0", "0 %", ""), scores,
                    Stream.generate(() -> "").limit(Purpose.values().length + 3)).flatMap(part -> part).toList();
        }
        long peak = first.memory().values().stream().mapToLong(Long::longValue).sum();
        return Stream.of(
                Stream.of(row.method, "%,d".formatted(first.trained()),
                        "%.3f %%".formatted(100.0 * first.trained() / first.all()),
                        first.setup().settings().get(LEARNING_RATE)),
                scores, Stream.of(Purpose.values()).map(purpose -> megabytes(first.memory().get(purpose))),
                Stream.of(megabytes(peak), "%.3f".formatted(row.secondsPerStep()),
                        "%.2f".formatted(first.adapterBytes() / 1e6)))
                .flatMap(part -> part).toList();
    }

    /** "74.2 ± 0.5": mean and spread; the mean alone of one seed. */
    private static String score(List<Trial> seeds) {
        var values = seeds.stream().mapToDouble(trial -> trial.score().value()).toArray();
        var number = "%." + seeds.getFirst().score().digits() + "f";
        return values.length == 1
                ? number.formatted(values[0])
                : (number + " ± " + number).formatted(mean(values), spread(values));
    }

    static double mean(double... values) {
        return DoubleStream.of(values).average().orElseThrow();
    }

    /** The sample standard deviation; 0 of one value. */
    static double spread(double... values) {
        double mean = mean(values);
        double squares = DoubleStream.of(values).map(value -> (value - mean) * (value - mean)).sum();
        return Math.sqrt(squares / Math.max(1, values.length - 1));
    }

    private static String megabytes(long bytes) {
        return "%.1f".formatted(bytes / 1e6);
    }

    static String name(Purpose purpose) {
        return purpose.name().toLowerCase(Locale.ROOT);
    }

    private static String line(List<String> cells) {
        return cells.stream().map(cell -> cell.replace("|", "\\|")).collect(Collectors.joining(" | ", "| ", " |\n"));
    }

    /** One line a trial; numbers that there are not are empty. */
    public String csv() {
        var head = Stream.of(
                Stream.of("method", "data", "seed", "learning_rate", "trained", "all", "loss", "accuracy", "top_five",
                        "rouge_l"),
                Stream.of(Purpose.values()).map(purpose -> name(purpose) + "_bytes"),
                Stream.of("seconds_per_step", "adapter_bytes")).flatMap(part -> part)
                .collect(Collectors.joining(",", "", "\n"));
        return head + trials.stream().map(Comparison::csv).collect(Collectors.joining());
    }

    private static String csv(Trial trial) {
        var setup = trial.setup();
        var score = trial.score();
        boolean trains = trial.trained() > 0;
        return Stream.of(
                Stream.of(setup.method(), setup.data(), setup.seed(), setup.settings().getOrDefault(LEARNING_RATE, ""),
                        trial.trained(), trial.all(), score.loss(), number(score.accuracy()), number(score.topFive()),
                        number(score.rougeL())),
                Stream.of(Purpose.values()).map(purpose -> trains ? trial.memory().get(purpose) : ""),
                Stream.of(trains ? trial.secondsPerStep() : "", trains ? trial.adapterBytes() : ""))
                .flatMap(part -> part).map(cell -> quoted(cell.toString()))
                .collect(Collectors.joining(",", "", "\n"));
    }

    private static Object number(Double value) {
        return value == null ? "" : value;
    }

    private static String quoted(String cell) {
        return cell.matches("[^,\"\n]*") ? cell : '"' + cell.replace("\"", "\"\"") + '"';
    }
}
