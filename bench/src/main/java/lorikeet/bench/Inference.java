package lorikeet.bench;

import java.util.List;
import java.util.Map;
import picocli.CommandLine.Command;

/** What generating costs. */
@Command(name = "inference", mixinStandardHelpOptions = true,
        description = "Tokens per second of generation with a cache, without an adapter, with LoRA beside the weights and "
                + "merged into them; time to the first token.")
final class Inference extends Measurement {
    private static final double TARGET = 1.2;

    @Override
    void measure() {
        var table = new Table("Generation, one sequence: a prompt of " + GenerationBenchmark.PROMPT + " tokens, then "
                + GenerationBenchmark.TOKENS + " more after the first", "model", "precision", "adapter",
                "first token ms", "ms a token", "tokens/s", "reading the weights once, ms", "ratio", "target");
        for (var base : full ? List.of("bundled", "gpt2-small") : List.of("bundled")) {
            for (var precision : full ? List.of("strict", "fast", "bf16") : List.of("fast")) {
                // Sums are of 32 bits only, so the bf16 weights are rated by half the time of the others.
                double reading = read(base) * (precision.equals("bf16") ? 0.5 : 1);
                for (var adapter : List.of("none", "unmerged", "merged")) {
                    row(table, base, precision, adapter, reading);
                }
            }
        }
        show(table);
    }

    private double read(String base) {
        return run(forks(), GenerationBenchmark.class, "readWeights",
                Map.of("base", base, "precision", "fast", "threads", threads)).median();
    }

    private void row(Table table, String base, String precision, String adapter, double reading) {
        var parameters = Map.of("base", base, "precision", precision, "adapter", adapter, "threads", threads);
        var measured = run(forks(), GenerationBenchmark.class, "generate", parameters);
        double first = measured.median(GenerationBenchmark.FIRST);
        double token = measured.median(GenerationBenchmark.EACH);
        table.row(base, precision, adapter, first, token, 1000 / token, reading, token / reading,
                Table.target(token / reading, TARGET));
    }

    private Forks forks() {
        return new Forks(5, full ? 11 : 5);
    }
}
