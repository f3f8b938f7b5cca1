package lorikeet.peft.comparison;

import java.util.LinkedHashMap;
import java.util.List;
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

        /** Any of its trials, for what is the same in all. */
        Trial any() {
            return tasks.values().iterator().next().getFirst();
        }

        /** Its trials on a task: none if it diverged there with all seeds. */
        List<Trial> on(String task) {
            return tasks.getOrDefault(task, List.of());
        }
    }

    private static final String NOTHING = "–";

    private final List<Trial> trials;
    private final List<String> tasks;
    private final List<Row> rows;
    private final long seeds;

    /** @param trials in the order in which methods and tasks are to appear, at least one */
    public Comparison(List<Trial> trials) {
        this.trials = List.copyOf(trials);
        tasks = this.trials.stream().map(trial -> trial.setup().data()).distinct().toList();
        seeds = this.trials.stream().filter(trial -> trial.trained() > 0).map(trial -> trial.setup().seed()).distinct()
                .count();
        rows = this.trials.stream()
                .collect(Collectors.groupingBy(trial -> trial.setup().method(), LinkedHashMap::new,
                        Collectors.groupingBy(trial -> trial.setup().data(), LinkedHashMap::new, Collectors.toList())))
                .entrySet().stream().map(row -> new Row(row.getKey(), row.getValue())).toList();
    }

    List<Row> rows() {
        return rows;
    }

    /** Their names, in order. */
    List<String> tasks() {
        return tasks;
    }

    /** What a task is judged by, in words. */
    String measure(String task) {
        return rows.stream().flatMap(row -> row.on(task).stream()).findFirst().orElseThrow().score().measure();
    }

    /** The words above the table. */
    List<String> head() {
        return Stream.of(Stream.of("method", "trained parameters", "share", LEARNING_RATE),
                tasks.stream().map(task -> task + ": " + measure(task)),
                Stream.of(Purpose.values()).map(purpose -> purpose.label() + ", MB"),
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

    List<String> cells(Row row) {
        var any = row.any();
        var scores = tasks.stream().map(task -> score(row.on(task)));
        if (any.trained() == 0) {
            return Stream.of(Stream.of(row.method, "0", "0 %", ""), scores, costs("")).flatMap(part -> part).toList();
        }
        return Stream.of(
                Stream.of(row.method, "%,d".formatted(any.trained()),
                        "%.3f %%".formatted(100.0 * any.trained() / any.all()),
                        any.setup().settings().get(LEARNING_RATE)),
                scores, costs(row.on(tasks.getFirst()))).flatMap(part -> part).toList();
    }

    /** The cells behind the scores. */
    private static Stream<String> costs(List<Trial> seeds) {
        if (seeds.isEmpty()) {
            return costs(NOTHING);
        }
        var first = seeds.getFirst();
        long peak = first.memory().values().stream().mapToLong(Long::longValue).sum();
        return Stream.concat(Stream.of(Purpose.values()).map(purpose -> megabytes(first.memory().get(purpose))),
                Stream.of(megabytes(peak),
                        "%.3f".formatted(mean(seeds.stream().mapToDouble(Trial::secondsPerStep).toArray())),
                        "%.2f".formatted(first.adapterBytes() / 1e6)));
    }

    private static Stream<String> costs(String all) {
        return Stream.generate(() -> all).limit(Purpose.values().length + 3);
    }

    /** "74.2 ± 0.5": mean and spread; the mean alone of one seed. Seeds with which it diverged are left out, and counted. */
    private String score(List<Trial> finished) {
        if (finished.isEmpty()) {
            return NOTHING;
        }
        var values = finished.stream().mapToDouble(trial -> trial.score().value()).toArray();
        var number = "%." + finished.getFirst().score().digits() + "f";
        var score = values.length == 1
                ? number.formatted(values[0])
                : (number + " ± " + number).formatted(mean(values), spread(values));
        return finished.getFirst().trained() == 0 || values.length == seeds
                ? score
                : "%s (%d of %d seeds)".formatted(score, values.length, seeds);
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

    private static String line(List<String> cells) {
        return cells.stream().map(cell -> cell.replace("|", "\\|")).collect(Collectors.joining(" | ", "| ", " |\n"));
    }

    /** One line a trial; numbers that there are not are empty. */
    public String csv() {
        var head = Stream.of(
                Stream.of("method", "data", "seed", "learning_rate", "trained", "all", "loss", "accuracy", "top_five",
                        "rouge_l"),
                Stream.of(Purpose.values()).map(purpose -> purpose.label() + "_bytes"),
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
