package lorikeet.peft.explain;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import lorikeet.engine.Tensor;
import lorikeet.model.Decoder;
import lorikeet.peft.Adapter;
import lorikeet.peft.Distance;
import lorikeet.peft.Dora;
import lorikeet.peft.Ia3;
import lorikeet.peft.explain.Table.Column;
import org.knowm.xchart.internal.chartpart.Chart;

/** How far each trained tensor that began as something of the base has moved from there. */
record Movements(List<Row> rows) implements Finding {
    private static final String MAGNITUDE = ".lora_magnitude_vector";

    /**
     * One tensor.
     *
     * @param start   ‖t₀‖, Frobenius norm
     * @param moved   ‖t − t₀‖
     * @param largest max |t − t₀|
     */
    record Row(String tensor, double start, double moved, double largest) {
        /** How far, as a share of what was there; null where that was zero. */
        Double share() {
            return start == 0 ? null : moved / start;
        }

        static Row of(String tensor, float[] before, float[] after) {
            var distance = Distance.between(before, after);
            return new Row(tensor, distance.norm(), distance.change(), distance.largest());
        }
    }

    /** The adapter ends as it was, plugged in. */
    static Movements of(Decoder decoder, Adapter adapter) {
        var rows = new ArrayList<Row>();
        adapter.parameters().forEach((name, tensor) -> {
            if (adapter.method() instanceof Ia3) {
                var ones = new float[(int) tensor.size()];
                Arrays.fill(ones, 1);
                rows.add(Row.of(name, ones, tensor.toArray()));
            } else if (adapter.method() instanceof Dora && name.endsWith(MAGNITUDE)) {
                var layer = name.substring(0, name.length() - MAGNITUDE.length());
                rows.add(Row.of(name, columnNorms(decoder.linear(layer).weight()), tensor.toArray()));
            }
        });
        rows.addAll(ofBase(decoder, adapter));
        return new Movements(rows);
    }

    /** The base's own tensors among those that are trained. */
    private static List<Row> ofBase(Decoder decoder, Adapter adapter) {
        var after = new LinkedHashMap<String, float[]>();
        decoder.parameters().forEach((name, tensor) -> {
            if (adapter.parameters().containsValue(tensor)) {
                after.put(name, tensor.toArray());
            }
        });
        adapter.unplug();
        var rows = after.entrySet().stream().map(entry -> Row.of(entry.getKey(),
                decoder.parameters().get(entry.getKey()).toArray(), entry.getValue())).toList();
        adapter.plug();
        return rows;
    }

    /** Where DoRA's magnitudes start. */
    private static float[] columnNorms(Tensor weight) {
        int columns = weight.shape().columns();
        var squares = new double[columns];
        var numbers = weight.toArray();
        for (int i = 0; i < numbers.length; i++) {
            squares[i % columns] += (double) numbers[i] * numbers[i];
        }
        var norms = new float[columns];
        for (int i = 0; i < columns; i++) {
            norms[i] = (float) Math.sqrt(squares[i]);
        }
        return norms;
    }

    @Override
    public Table table() {
        var columns = List.of(Column.of("tensor", "tensor"), Column.of("start_norm", "‖t₀‖"),
                Column.of("moved_norm", "‖t − t₀‖"), Column.percent("moved", "moved"),
                Column.of("largest", "largest"));
        return new Table("movements", "How far each tensor t has moved from t₀, where it started in the base",
                List.of("moved: ‖t − t₀‖ / ‖t₀‖, Frobenius norms; largest: of one number, max |t − t₀|",
                        "IA3's vectors start at one, DoRA's magnitudes at the norms of W's columns"),
                columns, rows.stream().map(row -> Arrays.<Object>asList(row.tensor, row.start, row.moved, row.share(),
                        row.largest)).toList());
    }

    @Override
    public Map<String, Chart<?, ?>> pictures() {
        var lines = new ByBlock();
        rows.stream().filter(row -> row.share() != null).forEach(row -> lines.with(row.tensor, row.share()));
        return lines.picture("movements", "How far tensors have moved, ‖t − t₀‖ / ‖t₀‖", "share of what was there");
    }
}
