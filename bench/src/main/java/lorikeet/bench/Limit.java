package lorikeet.bench;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import lorikeet.bench.Forks.Pairs;
import lorikeet.bench.Forks.Subject;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** How much of a step's time its matrix products alone would take. */
@Command(name = "limit", mixinStandardHelpOptions = true,
        description = "A training step against its matrix products alone, each in the layout in which oneDNN is fastest.")
final class Limit extends Measurement {
    private static final double STRICT_TARGET = 1.2, FAST_TARGET = 2, FAST_SMALL_TARGET = 3;

    @Mixin
    private Rows rows;

    @Override
    void measure() throws IOException {
        var table = new Table(
                "A step over its matrix products alone: medians over pairs, ratio with the range over pairs",
                "model, batch", "method", "precision", "step ms", "products ms", "GFLOP/s of them", "ratio", "target",
                "ratio of processor time");
        if (full) {
            for (var workload : List.of(Workload.GPT2_SHORT, Workload.GPT2_LONG, Workload.BUNDLED)) {
                for (var method : List.of(Methods.LORA_ATTENTION, Methods.LORA_ALL, Methods.FULL)) {
                    for (var precision : List.of("strict", "fast")) {
                        row(table, workload, method, precision, 5);
                    }
                }
            }
        } else {
            for (var workload : List.of(Workload.BUNDLED, Workload.GPT2_SHORT)) {
                row(table, workload, Methods.LORA_ATTENTION, "strict", 3);
                row(table, workload, Methods.LORA_ATTENTION, "fast", 3);
            }
        }
        show(table);
    }

    private void row(Table table, Workload workload, String method, String precision, int count) throws IOException {
        if (!rows.wanted(workload, method, precision)) {
            return;
        }
        var parameters = Map.of("workload", workload, "method", method, "precision", precision, "threads", threads);
        var pairs = alternate(Forks.of(workload, 3), count, new Subject(StepBenchmark.class, "step", parameters),
                new Subject(ProductsBenchmark.class, "products", parameters));
        var products = StepProducts.of(workload.folder().config().shape(), workload, method);
        double target = precision.equals("strict")
                ? STRICT_TARGET
                : workload.base().startsWith("gpt2")
                        ? FAST_TARGET
                        : FAST_SMALL_TARGET;
        table.row(workload, method, precision, Pairs.median(pairs.first()), Pairs.median(pairs.second()),
                StepProducts.flops(products) / Pairs.median(pairs.second()) / 1e6,
                pairs.time(), Table.target(pairs.time().value(), target), pairs.processorTime());
    }
}
