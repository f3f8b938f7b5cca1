package lorikeet.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import lorikeet.bench.Forks.Measured;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** What a training step costs with each method. */
@Command(name = "step", mixinStandardHelpOptions = true,
        description = "Tokens per second and memory of a training step: methods, models, precisions.")
final class Step extends Measurement {
    private record Case(Workload workload, String method, String precision, boolean recompute) {}

    @Mixin
    private Rows rows;

    @Override
    void measure() {
        var table = new Table("A training step (forward, backward, AdamW); memory in MB at the ledger's peak",
                "model, batch", "method", "precision", "trainable", "ms", "tokens/s", "peak", "weights", "gradients",
                "optimizer", "activations", "workspace", "resident, idle", "resident, peak", "Java heap KB/step");
        for (var one : cases()) {
            if (!rows.wanted(one.workload, one.method, one.precision)) {
                continue;
            }
            var measured = run(Forks.of(one.workload, full ? 7 : 3), StepBenchmark.class, "step",
                    Map.of("workload", one.workload, "method",
                            one.method, "precision", one.precision, "threads", threads, "recompute", one.recompute));
            table.row(one.workload, one.method + (one.recompute ? ", recomputed" : ""), one.precision,
                    (long) measured.secondary("trainable"), measured.median(),
                    1000 * one.workload.tokens() / measured.median(), mb(measured, "peak"), mb(measured, "weights"),
                    mb(measured, "gradients"), mb(measured, "optimizer"), mb(measured, "activations"),
                    mb(measured, "workspace"), mb(measured, "resident idle"), mb(measured, "resident peak"),
                    measured.secondary("gc.alloc.rate.norm") / 1e3);
        }
        show(table);
    }

    private static double mb(Measured measured, String name) {
        return Table.megabytes(measured.secondary(name));
    }

    private List<Case> cases() {
        var cases = new ArrayList<Case>();
        if (full) {
            for (var workload : List.of(Workload.BUNDLED, Workload.GPT2_SHORT, Workload.GPT2_LONG)) {
                for (var method : Methods.names()) {
                    for (var precision : List.of("strict", "fast", "bf16")) {
                        cases.add(new Case(workload, method, precision, false));
                    }
                }
                cases.add(new Case(workload, Methods.LORA_ATTENTION, "fast", true));
            }
        } else {
            Methods.names().forEach(method -> cases.add(new Case(Workload.BUNDLED, method, "fast", false)));
            for (var precision : List.of("strict", "bf16")) {
                cases.add(new Case(Workload.BUNDLED, Methods.LORA_ATTENTION, precision, false));
            }
            cases.add(new Case(Workload.GPT2_SHORT, Methods.LORA_ATTENTION, "fast", false));
            cases.add(new Case(Workload.GPT2_SHORT, Methods.LORA_ATTENTION, "fast", true));
        }
        return cases;
    }
}
