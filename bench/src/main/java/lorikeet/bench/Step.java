package lorikeet.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import lorikeet.bench.Forks.Measured;
import lorikeet.kernels.Devices;
import lorikeet.kernels.Precision;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** What a training step costs with each method. */
@Command(name = "step", mixinStandardHelpOptions = true,
        description = "Tokens per second and memory of a training step: methods, models, precisions.")
final class Step extends Measurement {
    private record Case(Workload workload, String method, String precision, boolean recompute) {}

    @Mixin
    private Rows rows;

    @Option(names = "--device", defaultValue = "cpu", paramLabel = "NAME",
            description = "cpu, cuda, cuda:1, … Default: ${DEFAULT-VALUE}.")
    private String device;

    @Override
    String device() {
        return device;
    }

    /** Each device has a section of its own. */
    @Override
    String name() {
        return device.equals("cpu") ? super.name() : super.name() + "-" + device.replace(":", "");
    }

    @Override
    void measure() {
        Devices.open(device, Precision.FAST, threads).close(); // if that is impossible, say so before JMH does in its way
        var table = new Table("A training step (forward, backward, AdamW); memory in MB at the ledger's peak",
                "model, batch", "method", "precision", "trainable", "ms", "tokens/s", "peak", "weights", "gradients",
                "optimizer", "activations", "workspace", "resident, idle", "resident, peak", "Java heap KB/step");
        for (var one : cases()) {
            if (!rows.wanted(one.workload, one.method, one.precision)) {
                continue;
            }
            var measured = run(Forks.of(one.workload, full ? 7 : 3), StepBenchmark.class, "step",
                    Map.of("workload", one.workload, "method",
                            one.method, "precision", one.precision, "device", device, "threads", threads, "recompute",
                            one.recompute));
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
            var workloads = new ArrayList<>(List.of(Workload.BUNDLED, Workload.GPT2_SHORT, Workload.GPT2_LONG));
            if (!device.equals("cpu")) {
                workloads.add(Workload.GPT2_LARGE); // enough for a GPU
            }
            for (var workload : workloads) {
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
