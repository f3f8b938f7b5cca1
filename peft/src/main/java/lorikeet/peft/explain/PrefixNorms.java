package lorikeet.peft.explain;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import lorikeet.model.Decoder;
import lorikeet.model.data.Sequences;
import lorikeet.peft.VirtualTokens;
import lorikeet.peft.explain.Table.Column;
import org.knowm.xchart.internal.chartpart.Chart;

/** How large the keys and values of a prefix are in each block, beside those of real tokens. */
record PrefixNorms(List<Row> rows) implements Finding {
    /** Real tokens to compare with, evenly from all of the vocabulary. */
    private static final int REAL = 64;

    /** Mean norms in one block. */
    record Row(int block, double keys, double realKeys, double values, double realValues) {}

    /** The adapter ends as it was, plugged in. */
    static PrefixNorms of(Decoder decoder, VirtualTokens adapter) {
        int width = decoder.shape().keyValueWidth();
        int layers = decoder.shape().layers();
        var vectors = adapter.vectors();
        adapter.unplug();
        var rows = new ArrayList<Row>();
        int real = Math.min(REAL, Math.min(decoder.shape().context(), decoder.shape().vocabulary()));
        try (var cache = decoder.cache(1, real); var _ = decoder.device().memory().scope()) {
            int step = decoder.shape().vocabulary() / real;
            decoder.hidden(Sequences.of(List.of(IntStream.range(0, real).map(i -> i * step).toArray())), cache);
            for (int layer = 0; layer < layers; layer++) {
                var ofReal = cache.layer(layer).toArray();
                int at = 2 * layer * width;
                int columns = 2 * layers * width;
                rows.add(new Row(layer, meanNorm(vectors, columns, at, width), meanNorm(ofReal, 2 * width, 0, width),
                        meanNorm(vectors, columns, at + width, width), meanNorm(ofReal, 2 * width, width, width)));
            }
        }
        adapter.plug();
        return new PrefixNorms(rows);
    }

    /** Of the numbers {@code from} to {@code from + count − 1} in each row. */
    private static double meanNorm(float[] rows, int columns, int from, int count) {
        return IntStream.range(0, rows.length / columns).mapToDouble(row -> {
            double squares = 0;
            for (int i = 0; i < count; i++) {
                double number = rows[row * columns + from + i];
                squares += number * number;
            }
            return Math.sqrt(squares);
        }).average().orElseThrow();
    }

    @Override
    public Table table() {
        var columns = List.of(Column.of("block", "block"), Column.of("key_norm", "keys"),
                Column.of("real_key_norm", "of real tokens"), Column.of("value_norm", "values"),
                Column.of("real_value_norm", "of real tokens"));
        return new Table("prefix", "How large the prefix is: mean norms of its keys and values",
                List.of("of real tokens: " + REAL
                        + " (or as many as fit) evenly from the vocabulary, read as one sequence"),
                columns, rows.stream().map(row -> List.<Object>of(row.block, row.keys, row.realKeys, row.values,
                        row.realValues)).toList());
    }

    @Override
    public Map<String, Chart<?, ?>> pictures() {
        var lines = new ByBlock();
        for (var row : rows) {
            var at = "h." + row.block + ".";
            lines.with(at + "keys", row.keys).with(at + "real keys", row.realKeys).with(at + "values", row.values)
                    .with(at + "real values", row.realValues);
        }
        return lines.picture("prefix", "The prefix, beside keys and values of real tokens", "mean norm");
    }
}
