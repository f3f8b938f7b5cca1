package lorikeet.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import lorikeet.kernels.Precision;
import lorikeet.kernels.cuda.CudaDevice;
import lorikeet.kernels.sim.SimGpu;
import picocli.CommandLine.Command;

/** What each idea brings: one op from its formula to the best there is. */
@Command(name = "ladder", mixinStandardHelpOptions = true,
        description = "Softmax, layer norm, GELU, matrix product and attention: from the formula, one number after the "
                + "other, to vectors, threads, oneDNN and bf16; and what their GPU kernels do on the simulated GPU.")
final class Ladder extends Measurement {
    private static final List<String> WITHOUT_ONEDNN = List.of("-Dlorikeet.onednn.off=true");

    private record Rung(String name, String method, String precision, int threads, List<String> flags) {}

    @Override
    void measure() {
        cpu();
        gpu();
    }

    private void cpu() {
        var table =
                new Table("On the CPU: 512 × 768 as in GPT-2 small (the product with 768 × 768, attention of 12 heads)",
                        "op", "rung", "ms", "times the first", "GFLOP/s", "GB/s");
        for (var op : Op.values()) {
            double first = Double.NaN;
            for (var rung : rungs(op)) {
                var forks = new Forks(full ? 5 : 2, full ? 5 : 2, rung.flags);
                double ms = run(forks, LadderBenchmark.class, rung.method, Map.of("op", lower(op), "precision",
                        rung.precision, "threads", rung.threads)).median();
                first = Double.isNaN(first) ? ms : first;
                double flops = op.flops(Op.LARGE);
                table.row(lower(op), rung.name, ms, first / ms, flops == 0 ? Double.NaN : flops / ms / 1e6,
                        op.bytes(Op.LARGE) / ms / 1e6);
            }
        }
        show(table);
    }

    private List<Rung> rungs(Op op) {
        var rungs = new ArrayList<Rung>();
        rungs.add(new Rung("formula, plain loops", "naive", "strict", 1, List.of()));
        boolean product = op == Op.MATMUL || op == Op.ATTENTION;
        if (product) {
            rungs.add(new Rung("Java vectors and tiles, 1 thread", "device", "strict", 1, WITHOUT_ONEDNN));
            rungs.add(new Rung("oneDNN, 1 thread", "device", "strict", 1, List.of()));
            rungs.add(new Rung("oneDNN, all threads", "device", "strict", threads, List.of()));
        } else {
            rungs.add(new Rung("Java vectors, 1 thread", "device", "strict", 1, List.of()));
            rungs.add(new Rung("Java vectors, all threads", "device", "strict", threads, List.of()));
        }
        if (product) {
            rungs.add(new Rung("precision fast, all threads", "device", "fast", threads, List.of()));
        }
        return rungs;
    }

    /** Counts, not times: they are the same on every run and every machine. */
    private void gpu() {
        var table = new Table(
                "On the simulated GPU: 64 × 128. Sectors are 32 bytes of memory; the ideal number is what the "
                        + "bytes wanted by each access would take side by side. Products of whole matrices are cuBLAS's, not ours",
                "op", "kernel", "warp instructions", "an element", "sectors read", "ideal", "sectors written", "ideal",
                "shared passes", "ideal");
        for (var op : Op.values()) {
            var gpu = new SimGpu(SimGpu.Options.DEFAULT.withProfile(true));
            try (var device = new CudaDevice(gpu, Precision.STRICT)) {
                var bound = new Bound(op, Op.SMALL, device);
                gpu.resetProfiles();
                bound.run();
                for (var kernel : gpu.profiles()) {
                    table.row(lower(op), kernel.kernel(), kernel.warpInstructions(),
                            kernel.laneInstructions() / (double) Op.SMALL.elements(), kernel.loads().sectors(),
                            kernel.loads().idealSectors(), kernel.stores().sectors(), kernel.stores().idealSectors(),
                            kernel.sharedPasses(), kernel.idealSharedPasses());
                }
                bound.release();
            }
        }
        show(table);
    }

    private static String lower(Op op) {
        return op.name().toLowerCase(Locale.ROOT);
    }
}
