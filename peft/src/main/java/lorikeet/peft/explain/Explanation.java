package lorikeet.peft.explain;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import lorikeet.model.Decoder;
import lorikeet.model.text.Tokenizer;
import lorikeet.peft.Adapter;
import lorikeet.peft.BottleneckAdapters;
import lorikeet.peft.Charts;
import lorikeet.peft.PrefixTuning;
import lorikeet.peft.VirtualTokens;

/** What an adapter has learned: all that can be said of its kind. */
public final class Explanation {
    private final List<Finding> findings = new ArrayList<>();
    private final List<WeightDelta> deltas;

    /**
     * What to look at.
     *
     * @param directions of each ΔW that are held against W; null = LoRA's rank, or 8 for other methods
     * @param nearest    real tokens for each vector of a soft prompt
     */
    public record Options(Integer directions, int nearest) {}

    private Explanation(List<WeightDelta> deltas) {
        this.deltas = deltas;
    }

    /**
     * Looks at an adapter that is plugged in, and leaves it so.
     *
     * @param decoder   its base, with weights in 32 bits
     * @param tokenizer of the base, or null
     */
    public static Explanation of(Decoder decoder, Adapter adapter, Tokenizer tokenizer, Options options) {
        var explanation = new Explanation(WeightDelta.of(decoder, adapter));
        switch (adapter) {
            case VirtualTokens prefix when prefix.method() instanceof PrefixTuning -> explanation.findings
                    .add(PrefixNorms.of(decoder, prefix));
            case VirtualTokens prompt -> explanation.findings
                    .add(SoftPrompt.of(decoder, prompt, tokenizer, options.nearest));
            case BottleneckAdapters layers -> explanation.findings.add(BottleneckNorms.of(layers));
            default -> explanation.ofWeights(decoder, adapter, options);
        }
        return explanation;
    }

    private void ofWeights(Decoder decoder, Adapter adapter, Options options) {
        if (!deltas.isEmpty()) {
            findings.add(Changes.of(deltas, options.directions));
        }
        var movements = Movements.of(decoder, adapter);
        if (!movements.rows().isEmpty()) {
            findings.add(movements);
        }
    }

    /**
     * Adds how far another adapter of the same base has found the same directions.
     *
     * @throws IllegalArgumentException if there is no matrix that both change
     */
    public void against(Explanation other) {
        var overlaps = Overlaps.of(deltas, other.deltas);
        if (overlaps.rows().isEmpty()) {
            throw new IllegalArgumentException("the two adapters change no matrix that is the same");
        }
        findings.add(overlaps);
    }

    /** Whether there is nothing to be said, since nothing has been learned yet. */
    public boolean isEmpty() {
        return findings.isEmpty();
    }

    private Stream<Table> tables() {
        return findings.stream().map(Finding::table).flatMap(table -> Stream.concat(Stream.of(table), table.byKind()));
    }

    /** For people. */
    public String text() {
        return tables().map(Table::text).collect(Collectors.joining("\n"));
    }

    /** For scripts: all that the text says, and more. */
    public void addTo(ObjectNode json) {
        tables().forEach(table -> table.addTo(json));
    }

    /** Writes all pictures into a folder and answers their names. */
    public List<String> writePictures(Path folder) throws IOException {
        var names = new ArrayList<String>();
        for (var finding : findings) {
            for (var picture : finding.pictures().entrySet()) {
                names.add(picture.getKey() + ".png");
                Charts.write(picture.getValue(), folder.resolve(names.getLast()));
            }
        }
        return names;
    }
}
