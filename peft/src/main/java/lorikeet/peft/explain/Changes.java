package lorikeet.peft.explain;

import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import lorikeet.peft.Charts;
import lorikeet.peft.explain.Table.Column;
import org.ejml.dense.row.NormOps_DDRM;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.internal.chartpart.Chart;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** What is added to each matrix: how much, in how many directions, and how these lie to those of W. */
record Changes(List<Row> rows) implements Finding {
    /** Directions to look at where the method sets no rank. */
    private static final int DIRECTIONS = 8;
    /** Singular values that text shows. */
    private static final int SHOWN = 4;

    /** One matrix. */
    record Row(WeightDelta delta, Amplification amplification) {
        double norm() {
            return NormOps_DDRM.normF(delta.weight());
        }

        double moved() {
            return delta.norm() / norm();
        }
    }

    /** @param directions r of the {@linkplain Amplification amplification}; null = LoRA's rank, or 8 for other methods */
    static Changes of(List<WeightDelta> deltas, Integer directions) {
        return new Changes(deltas.parallelStream().map(delta -> {
            int all = delta.change().values().length;
            int most = directions != null ? directions : delta.a() != null ? all : DIRECTIONS;
            return new Row(delta, Amplification.of(delta.weight(), delta.change(), Math.min(all, most)));
        }).toList());
    }

    @Override
    public Table table() {
        var columns = List.of(Column.of("matrix", "matrix"), Column.of("weight_norm", "‖W‖"),
                Column.of("change_norm", "‖ΔW‖"), Column.percent("moved", "moved"),
                new Column("singular_values", "σ of ΔW", Changes::first), Column.of("effective_rank", "eff. rank"),
                Column.of("directions", "r"), Column.of("weight_in_directions_of_change", "‖UᵀWV‖ of ΔW"),
                Column.of("weight_in_its_own_directions", "of W"),
                Column.of("weight_in_random_directions", "random"), Column.of("amplification", "amplified"));
        var legend = List.of("moved: ‖ΔW‖ / ‖W‖, Frobenius norms; σ: singular values, the largest first",
                "eff. rank: e^H, H the entropy of the singular values as shares of their sum (Roy and Vetterli 2007)",
                "‖UᵀWV‖: what of W lies in r directions: the first of ΔW, W's own first, random ones (root mean square)",
                "amplified: ‖ΔW‖ / ‖UᵀWV‖, both in the r first directions of ΔW (Hu et al. 2021, section 7.3)");
        return new Table("changes", "What is added to each matrix, ΔW = W' − W = U Σ Vᵀ", legend, columns,
                rows.stream().map(Changes::cells).toList());
    }

    private static List<Object> cells(Row row) {
        var delta = row.delta;
        var amplification = row.amplification;
        return List.of(delta.place().name(), row.norm(), delta.norm(), row.moved(), delta.change().values(),
                delta.effectiveRank(), amplification.directions(), amplification.ofChange(), amplification.ofWeight(),
                amplification.ofRandom(), amplification.factor());
    }

    private static String first(Object values) {
        var all = (double[]) values;
        return Arrays.stream(all).limit(SHOWN).mapToObj("%.3g"::formatted).collect(Collectors.joining(" "))
                + (all.length > SHOWN ? " …" : "");
    }

    @Override
    public Map<String, Chart<?, ?>> pictures() {
        var pictures = new LinkedHashMap<String, Chart<?, ?>>();
        pictures.put("spectrum", spectrum());
        pictures.putAll(byBlock(Row::moved).picture("moved", "What is added, ‖ΔW‖ / ‖W‖", "‖ΔW‖ / ‖W‖"));
        pictures.putAll(byBlock(row -> row.amplification.factor()).picture("amplification",
                "Amplification, ‖ΔW‖ / ‖UᵀWV‖", "times what W has"));
        return pictures;
    }

    private ByBlock byBlock(ToDoubleFunction<Row> value) {
        var lines = new ByBlock();
        rows.forEach(row -> lines.with(row.delta.place().name(), value.applyAsDouble(row)));
        return lines;
    }

    /** σ_i / σ_1, for each kind of matrix the mean over the blocks, as far as all have values. */
    private XYChart spectrum() {
        var chart = Charts.xy("Singular values of ΔW, mean over the blocks", "number", "share of the largest");
        chart.getStyler().setYAxisLogarithmic(true);
        var kinds = rows.stream().map(Row::delta)
                .collect(Collectors.groupingBy(delta -> ByBlock.kind(delta.place().name()), LinkedHashMap::new,
                        Collectors.toList()));
        kinds.forEach((kind, deltas) -> {
            var values = deltas.stream().map(delta -> delta.change().values()).toList();
            int count = values.stream().map(each -> each.length).min(Comparator.naturalOrder()).orElseThrow();
            chart.addSeries(kind, IntStream.rangeClosed(1, count).mapToDouble(i -> i).toArray(),
                    IntStream.range(0, count).mapToDouble(i -> mean(values.stream()
                            .mapToDouble(each -> each[i] / each[0]))).toArray())
                    .setMarker(SeriesMarkers.NONE);
        });
        return chart;
    }

    private static double mean(DoubleStream values) {
        return values.average().orElseThrow();
    }
}
