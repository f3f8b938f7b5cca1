package lorikeet.peft.comparison;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import lorikeet.kernels.Purpose;
import lorikeet.peft.Charts;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYSeries.XYSeriesRenderStyle;
import org.knowm.xchart.internal.chartpart.Chart;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** A comparison in pictures, of its first task: the score over the number of parameters, losses over steps, and memory. */
public final class Pictures {
    /** Points of a loss curve: each is the mean over so many steps that about these many are left. */
    private static final int POINTS = 50;

    private final List<Comparison.Row> rows;
    private final String task;

    private Pictures(String task, List<Comparison.Row> rows) {
        this.task = task;
        this.rows = rows;
    }

    /** Writes {@code score.png}, {@code loss.png} and {@code memory.png}; nothing if nothing was trained. */
    public static void write(Comparison comparison, Path folder) throws IOException {
        var task = comparison.tasks().getFirst();
        var trained = comparison.rows().stream()
                .filter(row -> row.on(task).stream().anyMatch(trial -> !trial.losses().isEmpty())).toList();
        if (trained.isEmpty()) {
            return;
        }
        var pictures = new Pictures(task, trained);
        Charts.write(pictures.score(), folder.resolve("score.png"));
        Charts.write(pictures.loss(), folder.resolve("loss.png"));
        Charts.write(pictures.memory(), folder.resolve("memory.png"));
    }

    /** The trial with the first seed. */
    private Trial first(Comparison.Row row) {
        return row.on(task).getFirst();
    }

    private XYChart score() {
        var measure = first(rows.getFirst()).score().measure();
        var chart = Charts.xy(task + ": " + measure + ", over trained parameters", "trained parameters", measure);
        chart.getStyler().setDefaultSeriesRenderStyle(XYSeriesRenderStyle.Scatter).setXAxisLogarithmic(true);
        for (var row : rows) {
            var scores = row.on(task).stream().mapToDouble(trial -> trial.score().value()).toArray();
            chart.addSeries(row.method(), new double[] {row.any().trained()},
                    new double[] {Comparison.mean(scores)}, new double[] {Comparison.spread(scores)});
        }
        return chart;
    }

    private XYChart loss() {
        var chart = Charts.xy(task + ": loss in training", "step", "loss");
        for (var row : rows) {
            var losses = first(row).losses();
            int window = Math.ceilDiv(losses.size(), POINTS);
            int points = losses.size() / window;
            chart.addSeries(row.method(), IntStream.range(0, points).mapToDouble(p -> (p + 0.5) * window).toArray(),
                    IntStream.range(0, points).mapToDouble(p -> losses.subList(p * window, (p + 1) * window).stream()
                            .mapToDouble(Float::doubleValue).average().orElseThrow()).toArray())
                    .setMarker(SeriesMarkers.NONE);
        }
        return chart;
    }

    private Chart<?, ?> memory() {
        var chart = Charts.categories(task + ": memory at its peak, by purpose", "MB");
        chart.getStyler().setStacked(true).setXAxisLabelRotation(45);
        var methods = rows.stream().map(Comparison.Row::method).toList();
        for (var purpose : Purpose.values()) {
            chart.addSeries(purpose.label(), methods,
                    rows.stream().map(row -> first(row).memory().get(purpose) / 1e6).toList());
        }
        return chart;
    }
}
