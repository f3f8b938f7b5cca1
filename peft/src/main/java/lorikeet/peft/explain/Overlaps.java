package lorikeet.peft.explain;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.Collectors;
import lorikeet.peft.Charts;
import lorikeet.peft.explain.Table.Column;
import org.knowm.xchart.internal.chartpart.Chart;

/** How far two adapters have found the same directions. */
record Overlaps(List<Row> rows) implements Finding {
    /** Directions of each side between which JSON has every φ(i, j); pictures have all. */
    private static final int IN_JSON = 8;

    /**
     * One matrix.
     *
     * @param change of the directions in which ΔW reads
     * @param a      of those in which LoRA's A reads; null where one of the two is no LoRA
     */
    record Row(String matrix, Overlap change, Overlap a) {}

    /** Of the matrices that both change. */
    static Overlaps of(List<WeightDelta> first, List<WeightDelta> second) {
        var others = second.stream().collect(Collectors.toMap(delta -> delta.place().name(), Function.identity()));
        var rows = new ArrayList<Row>();
        for (var delta : first) {
            var other = others.get(delta.place().name());
            if (other != null) {
                rows.add(new Row(delta.place().name(), Overlap.of(delta.change().u(), other.change().u()),
                        delta.a() == null || other.a() == null ? null : Overlap.of(delta.a(), other.a())));
            }
        }
        return new Overlaps(rows);
    }

    @Override
    public Table table() {
        var columns = List.of(Column.of("matrix", "matrix"), Column.of("change_first", "ΔW: φ(1,1)"),
                Column.of("change_first_in_all", "first in all"), Column.of("change_all", "all"),
                Column.of("change_random", "random"), Column.of("a_first", "A: φ(1,1)"),
                Column.of("a_first_in_all", "first in all"), Column.of("a_all", "all"),
                Column.of("a_random", "random"), Column.inJson("change_phi"), Column.inJson("a_phi"));
        var legend = List.of(
                "φ(i,j) = ‖UᵢᵀU'ⱼ‖² / min(i,j) of the i and j first input directions: 1 the same, 0 orthogonal "
                        + "(Hu et al. 2021, section 7.2)",
                "first in all: the first direction of the side with fewer among all of the other; all: all of both",
                "random: what is to be expected for all of both if the directions were random, max(i,j) / in");
        return new Table("overlap", "Directions that both adapters share", legend, columns,
                rows.stream().map(Overlaps::cells).toList());
    }

    private static List<Object> cells(Row row) {
        var cells = new ArrayList<Object>(List.of(row.matrix));
        for (var overlap : Arrays.asList(row.change, row.a)) {
            cells.addAll(overlap == null
                    ? Arrays.asList(null, null, null, null)
                    : List.of(overlap.first(), overlap.firstInAll(), overlap.all(), overlap.random()));
        }
        cells.add(first(row.change.phi()));
        cells.add(row.a == null ? null : first(row.a.phi()));
        return cells;
    }

    /** φ of the first directions of both. */
    private static double[][] first(double[][] phi) {
        return Arrays.stream(phi).limit(IN_JSON).map(row -> Arrays.copyOf(row, Math.min(IN_JSON, row.length)))
                .toArray(double[][]::new);
    }

    @Override
    public Map<String, Chart<?, ?>> pictures() {
        var pictures = new LinkedHashMap<String, Chart<?, ?>>();
        picture(pictures, "overlap", "φ(i, j) of ΔW, mean over all matrices", rows.stream().map(Row::change).toList());
        picture(pictures, "overlap-a", "φ(i, j) of A, mean over all matrices",
                rows.stream().map(Row::a).filter(Objects::nonNull).toList());
        return pictures;
    }

    /** As far as all matrices have directions. */
    private static void picture(Map<String, Chart<?, ?>> pictures, String name, String title, List<Overlap> overlaps) {
        if (!overlaps.isEmpty()) {
            var mean = new double[least(overlaps, phi -> phi.length)][least(overlaps, phi -> phi[0].length)];
            for (int i = 0; i < mean.length; i++) {
                for (int j = 0; j < mean[i].length; j++) {
                    int row = i;
                    int column = j;
                    mean[i][j] = overlaps.stream().mapToDouble(overlap -> overlap.phi()[row][column]).average()
                            .orElseThrow();
                }
            }
            pictures.put(name, Charts.heatMap(title, "i, this adapter", "j, the other", mean));
        }
    }

    private static int least(List<Overlap> overlaps, Function<double[][], Integer> size) {
        return overlaps.stream().map(Overlap::phi).map(size).min(Integer::compare).orElseThrow();
    }
}
