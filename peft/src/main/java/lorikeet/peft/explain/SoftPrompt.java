package lorikeet.peft.explain;

import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import lorikeet.engine.Printable;
import lorikeet.model.Decoder;
import lorikeet.model.text.Tokenizer;
import lorikeet.peft.Charts;
import lorikeet.peft.VirtualTokens;
import lorikeet.peft.explain.Table.Column;
import org.knowm.xchart.internal.chartpart.Chart;

/** Which real tokens the vectors of a soft prompt resemble. */
record SoftPrompt(List<Row> rows) implements Finding {

    /**
     * One virtual token.
     *
     * @param norm     ‖p‖
     * @param relative that over the mean norm of the token embeddings
     * @param nearest  real tokens whose embeddings point most nearly the same way, the nearest first
     */
    record Row(int number, double norm, double relative, List<Neighbour> nearest) {}

    /**
     * A real token.
     *
     * @param text   what it stands for, or null where there is no tokenizer
     * @param cosine of the angle between its embedding and the vector
     */
    record Neighbour(int token, String text, double cosine) {
        @Override
        public String toString() {
            return "%s %.2f".formatted(text == null ? token : "\"" + Printable.line(text) + "\"", cosine);
        }
    }

    /**
     * @param tokenizer of the base, or null
     * @param nearest   how many neighbours
     */
    static SoftPrompt of(Decoder decoder, VirtualTokens adapter, Tokenizer tokenizer, int nearest) {
        int width = decoder.shape().width();
        var vectors = adapter.vectors();
        var embeddings = decoder.tokenEmbedding().toArray();
        int tokens = embeddings.length / width;
        var norms = IntStream.range(0, tokens).parallel().mapToDouble(t -> norm(embeddings, t, width)).toArray();
        double mean = IntStream.range(0, tokens).mapToDouble(t -> norms[t]).average().orElseThrow();
        return new SoftPrompt(IntStream.range(0, vectors.length / width).mapToObj(v -> {
            double norm = norm(vectors, v, width);
            var neighbours = IntStream.range(0, tokens).parallel().mapToObj(t -> new Neighbour(t, null,
                    product(vectors, v, embeddings, t, width) / (norm * norms[t])))
                    .sorted(Comparator.comparingDouble(Neighbour::cosine).reversed()).limit(nearest)
                    .map(neighbour -> new Neighbour(neighbour.token,
                            tokenizer == null || neighbour.token >= tokenizer.vocabularySize()
                                    ? null
                                    : tokenizer.decode(neighbour.token),
                            neighbour.cosine))
                    .toList();
            return new Row(v, norm, norm / mean, neighbours);
        }).toList());
    }

    private static double norm(float[] rows, int row, int width) {
        return Math.sqrt(product(rows, row, rows, row, width));
    }

    private static double product(float[] a, int rowOfA, float[] b, int rowOfB, int width) {
        double sum = 0;
        for (int i = 0; i < width; i++) {
            sum += (double) a[rowOfA * width + i] * b[rowOfB * width + i];
        }
        return sum;
    }

    @Override
    public Table table() {
        var columns = List.of(Column.of("vector", "vector"), Column.of("norm", "norm"),
                Column.of("relative_norm", "× a token's"), new Column("nearest", "nearest tokens and their cosine",
                        nearest -> ((List<?>) nearest).stream().map(Object::toString)
                                .collect(Collectors.joining(", "))));
        return new Table("soft_prompt", "What the vectors of the soft prompt resemble",
                List.of("× a token's: norm over the mean norm of the token embeddings"), columns,
                rows.stream().map(row -> List.<Object>of(row.number, row.norm, row.relative, row.nearest)).toList());
    }

    @Override
    public Map<String, Chart<?, ?>> pictures() {
        var chart = Charts.xy("The soft prompt's vectors", "vector", "");
        chart.getStyler().setXAxisDecimalPattern("0");
        var numbers = rows.stream().mapToDouble(Row::number).toArray();
        chart.addSeries("norm / mean norm of a token", numbers, rows.stream().mapToDouble(Row::relative).toArray());
        chart.addSeries("cosine to the nearest token", numbers,
                rows.stream().mapToDouble(row -> row.nearest.getFirst().cosine).toArray());
        return Map.of("prompt", chart);
    }
}
