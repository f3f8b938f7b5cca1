package lorikeet.bench;

import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import lorikeet.bench.Forks.Measured;
import lorikeet.bench.Forks.Pairs;
import lorikeet.bench.Forks.Subject;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** The same step in libtorch. */
@Command(name = "peers", mixinStandardHelpOptions = true,
        description = "The same training step in libtorch 2.7.1, through DJL: same weights, batch, threads and optimizer, "
                + "each in a process of its own, in turn.",
        footer = {"", "libtorch is not part of the usual build. Before:",
            "  mvn -q -Ppeers -Dmaven.test.skip=true -pl peft,bench -am package"})
final class Peers extends Measurement {
    private static final String LIBRARY = "/ai/djl/pytorch/engine/PtEngine.class";
    private static final String PEER = "lorikeet.bench.TorchBenchmark";

    /** A row of the table: our precision, the peer's type, and the most of its time that we aim to take. */
    private record Precisions(String ours, String theirs, double target, double tolerance) {}

    private static final List<Precisions> PRECISIONS =
            List.of(new Precisions("strict", "fp32", 0.85, 1e-4), new Precisions("fast", "bf16", 0.6, 1e-2));
    private static final int PAIRS = 5;
    private static final double MEMORY_TARGET = 0.35, RECOMPUTED_TARGET = 0.12, RECOMPUTING_TIME = 1.35;

    @Mixin
    private Rows rows;

    private final Table times =
            new Table("Milliseconds a step: medians over the pairs; ratio with the range over pairs",
                    "model, batch", "method", "ours", "libtorch", "our ms", "its ms", "ratio", "target",
                    "ratio of processor time",
                    "our loss, first → last",
                    "its loss");
    private final Table memory = new Table("MB above the loaded weights; copies of weights made later count",
            "model, batch", "method", "ours",
            "ours, ledger", "ours, resident above idle", "libtorch fp32, resident above idle", "ledger over its",
            "target");

    @Override
    void measure() throws IOException {
        if (!isBuilt()) {
            throw new IOException("libtorch is not in this build; first run "
                    + "mvn -q -Ppeers -Dmaven.test.skip=true -pl peft,bench -am package");
        }
        show(times);
        show(memory);
        for (var workload : full
                ? List.of(Workload.GPT2_SHORT, Workload.GPT2_LONG, Workload.BUNDLED)
                : List.of(Workload.BUNDLED)) {
            for (var method : methods(workload)) {
                if (rows.wanted(workload, method)) {
                    compare(workload, method);
                }
            }
        }
    }

    /** Whether libtorch is in this build. */
    static boolean isBuilt() {
        return Peers.class.getResource(LIBRARY) != null;
    }

    private List<String> methods(Workload workload) {
        if (!full || workload.equals(Workload.GPT2_LONG)) {
            return List.of(Methods.LORA_ATTENTION);
        }
        return workload.equals(Workload.BUNDLED)
                ? List.of(Methods.LORA_ATTENTION, Methods.FULL)
                : List.of(Methods.LORA_ATTENTION, Methods.LORA_ALL, Methods.FULL);
    }

    private void compare(Workload workload, String method) throws IOException {
        boolean isLora = !method.equals(Methods.FULL);
        double peer = Double.NaN; // memory of libtorch in fp32, the first of the precisions
        for (var precisions : PRECISIONS) {
            var ours = new Subject(StepBenchmark.class, "step", Map.of("workload", workload, "method", method,
                    "precision", precisions.ours, "threads", threads));
            var theirs = new Subject(peer(), "step", Map.of("workload", workload, "method", method, "type",
                    precisions.theirs, "threads", threads));
            var pairs = alternate(Forks.of(workload, 3), PAIRS, ours, theirs);
            var our = pairs.first().getFirst();
            var their = pairs.second().getFirst();
            requireSameLoss(our, their, precisions.tolerance);
            times.row(workload, method, precisions.ours, precisions.theirs, Pairs.median(pairs.first()),
                    Pairs.median(pairs.second()), pairs.time(),
                    Table.target(pairs.time().value(), precisions.target), pairs.processorTime(),
                    losses(our), losses(their));
            peer = Double.isNaN(peer) ? aboveIdle(pairs.second()) : peer;
            memoryRow(workload, method, precisions.ours, pairs.first(), peer, isLora ? MEMORY_TARGET : Double.NaN);
            if (full && isLora && workload.base().startsWith("gpt2") && rows.wanted(workload, method, "recomputed")) {
                recomputing(workload, method, precisions.ours, ours, peer);
            }
            publish();
        }
    }

    private void memoryRow(Workload workload, String method, String name, List<Measured> ours, double peer,
            double target) {
        double ledger =
                ours.stream().mapToDouble(m -> m.secondary("peak") - m.secondary("loaded")).max().orElseThrow();
        memory.row(workload, method, name, Table.megabytes(ledger), Table.megabytes(aboveIdle(ours)),
                Table.megabytes(peer), ledger / peer,
                Double.isNaN(target) ? "none" : Table.target(ledger / peer, target));
    }

    private static double aboveIdle(List<Measured> runs) {
        return Statistics.median(runs.stream()
                .mapToDouble(m -> m.secondary("resident peak") - m.secondary("resident idle")).toArray());
    }

    private void recomputing(Workload workload, String method, String precision, Subject keeping, double peer) {
        var again = new Subject(StepBenchmark.class, "step", Map.of("workload", workload, "method", method, "precision",
                precision, "threads", threads, "recompute", true));
        var pairs = alternate(Forks.of(workload, 3), 3, again, keeping);
        memoryRow(workload, method, precision + ", recomputed", pairs.first(), peer, RECOMPUTED_TARGET);
        show("Recomputing takes " + pairs.time() + " of the time of keeping ("
                + workload + ", " + method + "); target " + Table.target(pairs.time().value(), RECOMPUTING_TIME) + ".");
    }

    private static Class<?> peer() {
        try {
            return Class.forName(PEER);
        } catch (ClassNotFoundException e) {
            throw new IllegalStateException(e);
        }
    }

    /** The first loss is the same where weights, batch and model are, the last where gradients and optimizer are too. */
    private static void requireSameLoss(Measured ours, Measured theirs, double tolerance) {
        for (var name : List.of("first loss", "last loss")) {
            double our = ours.last(name);
            double their = theirs.last(name);
            if (!(Math.abs(our - their) <= tolerance * Math.abs(their))) {
                throw new IllegalStateException(
                        "the " + name + " is " + our + " here, but " + their + " in libtorch: not the same step");
            }
        }
    }

    private static String losses(Measured run) {
        return String.format(Locale.ROOT, "%.4f → %.4f", run.last("first loss"), run.last("last loss"));
    }
}
