package lorikeet.peft.explain;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * What was found, in rows: the same for people and for scripts.
 *
 * @param key     what it is called in JSON
 * @param title   above it
 * @param legend  lines that say what its columns are
 * @param columns from left to right
 * @param rows    with a value for each column
 */
record Table(String key, String title, List<String> legend, List<Column> columns, List<List<Object>> rows) {
    private static final ObjectMapper JSON = new ObjectMapper();

    /**
     * A column.
     *
     * @param key    in JSON
     * @param head   above it; null where only JSON has it
     * @param format how a value is said
     */
    record Column(String key, String head, Function<Object, String> format) {
        static Column of(String key, String head) {
            return new Column(key, head, Table::plain);
        }

        static Column percent(String key, String head) {
            return new Column(key, head, share -> share == null ? "–" : "%.1f %%".formatted(100 * (double) share));
        }

        static Column inJson(String key) {
            return new Column(key, null, null);
        }
    }

    private static String plain(Object value) {
        return switch (value) {
            case null -> "–";
            case Double number -> number == 0 ? "0" : "%.3g".formatted(number);
            default -> value.toString();
        };
    }

    /** Means over the blocks for each kind of thing that the rows are about, or nothing where no kind is in several. */
    Stream<Table> byKind() {
        var kinds = rows.stream()
                .collect(Collectors.groupingBy(row -> ByBlock.kind(row.getFirst().toString()), LinkedHashMap::new,
                        Collectors.toList()));
        if (kinds.size() == rows.size()) {
            return Stream.empty();
        }
        var numbers = IntStream.range(1, columns.size())
                .filter(c -> rows.stream().allMatch(row -> row.get(c) == null || row.get(c) instanceof Number))
                .toArray();
        var kept = new ArrayList<>(List.of(columns.getFirst()));
        IntStream.of(numbers).forEach(c -> kept.add(columns.get(c)));
        var means = new ArrayList<List<Object>>();
        kinds.forEach((kind, alike) -> {
            var cells = new ArrayList<Object>(List.of(kind));
            IntStream.of(numbers).forEach(c -> cells.add(mean(alike, c)));
            means.add(cells);
        });
        return Stream
                .of(new Table(key + "_by_kind", "The same by kind, means over the blocks", List.of(), kept, means));
    }

    /** Of one column, as far as it has numbers; null if it has none. */
    private static Double mean(List<List<Object>> rows, int column) {
        var mean = rows.stream().map(row -> (Number) row.get(column)).filter(Objects::nonNull)
                .mapToDouble(Number::doubleValue).average();
        return mean.isPresent() ? mean.getAsDouble() : null;
    }

    String text() {
        var shown = columns.stream().filter(column -> column.head != null).toList();
        var lines = new ArrayList<List<String>>();
        lines.add(shown.stream().map(Column::head).toList());
        for (var row : rows) {
            lines.add(shown.stream().map(column -> column.format.apply(row.get(columns.indexOf(column)))).toList());
        }
        var widths = new int[shown.size()];
        for (var line : lines) {
            for (int c = 0; c < widths.length; c++) {
                widths[c] = Math.max(widths[c], line.get(c).length());
            }
        }
        return title + "\n" + legend.stream().map(line -> "  " + line + "\n").collect(Collectors.joining()) + "\n"
                + lines.stream().map(line -> laidOut(line, widths)).collect(Collectors.joining());
    }

    /** The first column to the left, all others to the right. */
    private static String laidOut(List<String> cells, int[] widths) {
        var line = new StringBuilder(cells.getFirst()).repeat(' ', widths[0] - cells.getFirst().length());
        for (int c = 1; c < widths.length; c++) {
            line.repeat(' ', 2 + widths[c] - cells.get(c).length()).append(cells.get(c));
        }
        return line.toString().stripTrailing() + "\n";
    }

    void addTo(ObjectNode json) {
        var array = json.putArray(key);
        for (var row : rows) {
            var object = array.addObject();
            for (int c = 0; c < columns.size(); c++) {
                object.set(columns.get(c).key, JSON.valueToTree(row.get(c)));
            }
        }
    }
}
