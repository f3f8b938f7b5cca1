package lorikeet.peft.explain;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import lorikeet.engine.Tensor;
import lorikeet.peft.BottleneckAdapters;
import lorikeet.peft.HostMatrix;
import lorikeet.peft.explain.Table.Column;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;
import org.ejml.dense.row.NormOps_DDRM;
import org.knowm.xchart.internal.chartpart.Chart;

/** How large the layers of series and parallel adapters are. */
record BottleneckNorms(List<Row> rows) implements Finding {
    private static final String DOWN = ".adapter_down.0.weight";
    private static final String UP = ".adapter_up.weight";

    /**
     * One adapter, Frobenius norms.
     *
     * @param down    ‖W_down‖
     * @param up      ‖W_up‖
     * @param through ‖W_up W_down‖ times the scaling: what it would be without the activation between
     */
    record Row(String name, double down, double up, double through) {}

    static BottleneckNorms of(BottleneckAdapters adapter) {
        var rows = new ArrayList<Row>();
        adapter.parameters().forEach((name, tensor) -> {
            if (name.endsWith(DOWN)) {
                var place = name.substring(0, name.length() - DOWN.length());
                var down = matrix(tensor);
                var up = matrix(adapter.parameters().get(place + UP));
                rows.add(new Row(place, NormOps_DDRM.normF(down), NormOps_DDRM.normF(up),
                        Math.abs(adapter.method().scaling())
                                * NormOps_DDRM.normF(CommonOps_DDRM.mult(up, down, null))));
            }
        });
        return new BottleneckNorms(rows);
    }

    private static DMatrixRMaj matrix(Tensor tensor) {
        return HostMatrix.of(tensor.toArray(), tensor.shape().rows(), tensor.shape().columns());
    }

    @Override
    public Table table() {
        return new Table("adapters", "How large each adapter's layers are, Frobenius norms",
                List.of("through: ‖W_up W_down‖ times the scaling, what it would be without the activation between"),
                List.of(Column.of("adapter", "adapter"), Column.of("down_norm", "‖W_down‖"),
                        Column.of("up_norm", "‖W_up‖"), Column.of("through_norm", "through")),
                rows.stream().map(row -> List.<Object>of(row.name, row.down, row.up, row.through)).toList());
    }

    @Override
    public Map<String, Chart<?, ?>> pictures() {
        var lines = new ByBlock();
        rows.forEach(row -> lines.with(row.name, row.through));
        return lines.picture("adapters", "Adapters, ‖W_up W_down‖ · scaling", "norm");
    }
}
