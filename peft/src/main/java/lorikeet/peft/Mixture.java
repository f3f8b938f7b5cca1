package lorikeet.peft;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import lorikeet.engine.Tensor;
import lorikeet.model.Decoder;
import lorikeet.model.Linear;
import lorikeet.model.Pass;
import lorikeet.model.Sublayer;
import lorikeet.model.TokenEmbedding;

/**
 * Different adapters for the sequences of one batch. In every socket where one of them has something stands a plug that
 * shares the rows out: frozen layers see the whole batch at once, and each adapter its own sequences.
 */
final class Mixture {
    private final List<String> ofSequences;
    private final List<Runnable> unplug = new ArrayList<>();

    private Mixture(List<String> ofSequences) {
        this.ofSequences = List.copyOf(ofSequences);
    }

    /**
     * @param adapters    by name, none of them plugged in
     * @param ofSequences a name for each sequence; one without adapter means the base
     */
    static Mixture of(Decoder decoder, Map<String, Adapter> adapters, List<String> ofSequences) {
        var linears = new HashMap<Linear, Map<String, List<Linear.Branch>>>();
        var sublayers = new HashMap<Sublayer, Map<String, List<Sublayer.Adapter>>>();
        var embedding = new HashMap<String, List<TokenEmbedding.Branch>>();
        adapters.forEach((name, adapter) -> {
            if (adapter.changesBase()) {
                throw new IllegalArgumentException("adapter \"" + name + "\" changes the base's own numbers, which all "
                        + "sequences of a batch share");
            }
            adapter.plug();
            int virtualTokens = decoder.virtualTokens();
            decoder.linears().forEach(linear -> put(linears, linear, name, linear.plugged()));
            decoder.blocks().forEach(block -> {
                put(sublayers, block.afterAttention(), name, block.afterAttention().plugged());
                put(sublayers, block.afterMlp(), name, block.afterMlp().plugged());
            });
            embedding.put(name, decoder.embedding().plugged());
            adapter.unplug();
            if (virtualTokens > 0) {
                throw new IllegalArgumentException("adapter \"" + name + "\" has virtual tokens, which all sequences "
                        + "of a batch share");
            }
        });
        var mixture = new Mixture(ofSequences);
        linears.forEach((linear, branches) -> mixture.plug(linear, branches));
        sublayers.forEach((sublayer, parts) -> mixture.plug(sublayer, parts));
        if (embedding.values().stream().anyMatch(branches -> !branches.isEmpty())) {
            mixture.plug(decoder.embedding(), embedding);
        }
        return mixture;
    }

    private static <S, P> void put(Map<S, Map<String, List<P>>> bySocket, S socket, String name, List<P> plugged) {
        if (!plugged.isEmpty()) {
            bySocket.computeIfAbsent(socket, _ -> new HashMap<>()).put(name, plugged);
        }
    }

    void unplug() {
        unplug.forEach(Runnable::run);
    }

    private void plug(Linear linear, Map<String, List<Linear.Branch>> branches) {
        var shared = new Linear.Branch() {
            @Override
            public Tensor input(Tensor x, Pass pass) {
                return share(x, pass, run -> {
                    var part = run.of(x);
                    for (var branch : run.plugged(branches)) {
                        part = branch.input(part, pass);
                    }
                    return part;
                });
            }

            @Override
            public Tensor output(Tensor h, Tensor x, Pass pass) {
                return share(h, pass, run -> {
                    var part = run.of(h);
                    for (var branch : run.plugged(branches)) {
                        part = branch.output(part, run.of(x), pass);
                    }
                    return part;
                });
            }
        };
        linear.plug(shared);
        unplug.add(() -> linear.unplug(shared));
    }

    private void plug(Sublayer sublayer, Map<String, List<Sublayer.Adapter>> adapters) {
        Sublayer.Adapter shared = (output, input, pass) -> share(output, pass, run -> {
            var part = run.of(output);
            for (var adapter : run.plugged(adapters)) {
                part = adapter.output(part, run.of(input), pass);
            }
            return part;
        });
        sublayer.plug(shared);
        unplug.add(() -> sublayer.unplug(shared));
    }

    private void plug(TokenEmbedding embedding, Map<String, List<TokenEmbedding.Branch>> branches) {
        TokenEmbedding.Branch shared = (h, ids, pass) -> share(h, pass, run -> {
            var part = run.of(h);
            for (var branch : run.plugged(branches)) {
                part = branch.output(part, Arrays.copyOfRange(ids, run.from, run.from + run.count), pass);
            }
            return part;
        });
        embedding.plug(shared);
        unplug.add(() -> embedding.unplug(shared));
    }

    /** Rows of neighbouring sequences that use the same adapter, at least one. */
    private record Run(String name, int from, int count) {
        Tensor of(Tensor all) {
            return all.slice(0, from, count);
        }

        <P> List<P> plugged(Map<String, List<P>> byName) {
            return byName.getOrDefault(name, List.of());
        }
    }

    private interface Work {
        Tensor on(Run run);
    }

    /** Each run's rows after {@code work} on them, together again. */
    private Tensor share(Tensor all, Pass pass, Work work) {
        return Tensor.concat(0, runs(pass.offsets()).stream().map(work::on).toList());
    }

    private List<Run> runs(int[] offsets) {
        if (offsets.length - 1 != ofSequences.size()) {
            throw new IllegalArgumentException("adapters are chosen for " + ofSequences.size()
                    + " sequences, but the batch has " + (offsets.length - 1));
        }
        var runs = new ArrayList<Run>();
        int from = 0;
        for (int s = 0; s < ofSequences.size(); s++) {
            boolean last = s + 1 == ofSequences.size() || !ofSequences.get(s + 1).equals(ofSequences.get(s));
            if (last) {
                if (offsets[s + 1] > offsets[from]) {
                    runs.add(new Run(ofSequences.get(s), offsets[from], offsets[s + 1] - offsets[from]));
                }
                from = s + 1;
            }
        }
        return runs;
    }
}
