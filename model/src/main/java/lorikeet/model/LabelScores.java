package lorikeet.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import lorikeet.model.data.Sequences;

/**
 * Classification told as text: which of a fixed set of completions does the model find likeliest after a prompt? The score
 * of a completion is the sum of the log-likelihoods of its tokens. Each prompt is read once; all candidates continue its
 * keys and values.
 */
public final class LabelScores {
    private LabelScores() {}

    /** One candidate behind one prompt. */
    private record Pair(int prompt, int candidate) {}

    private interface Scoring {
        /** Adds to the scores of first tokens the rest of those pairs that it chooses. */
        void complete(double[][] scores, Consumer<List<Pair>> addRest);
    }

    /**
     * @param prompts    token ids of each prompt
     * @param candidates token ids of each possible completion, its terminator included
     * @return for each prompt the score of each candidate
     */
    public static double[][] of(Decoder decoder, List<int[]> prompts, List<int[]> candidates) {
        return of(decoder, prompts, candidates,
                (_, addRest) -> addRest.accept(pairs(prompts.size(), candidates.size(), (_, _) -> true)));
    }

    /**
     * The same, but exact only for candidates that may be likelier than the right one. Others keep the score of their first
     * token, which is above their own and below that of the right one: its rank is the same, for less work.
     *
     * @param right for each prompt its right candidate; −1, and no score is exact, where there is none
     */
    public static double[][] besides(int[] right, Decoder decoder, List<int[]> prompts, List<int[]> candidates) {
        return of(decoder, prompts, candidates, (scores, addRest) -> {
            addRest.accept(pairs(prompts.size(), candidates.size(), (p, c) -> c == right[p]));
            addRest.accept(pairs(prompts.size(), candidates.size(),
                    (p, c) -> right[p] >= 0 && c != right[p] && !(scores[p][c] < scores[p][right[p]])));
        });
    }

    private interface Choice {
        boolean takes(int prompt, int candidate);
    }

    private static List<Pair> pairs(int prompts, int candidates, Choice choice) {
        var pairs = new ArrayList<Pair>();
        for (int p = 0; p < prompts; p++) {
            for (int c = 0; c < candidates; c++) {
                if (choice.takes(p, c)) {
                    pairs.add(new Pair(p, c));
                }
            }
        }
        return pairs;
    }

    private static double[][] of(Decoder decoder, List<int[]> prompts, List<int[]> candidates, Scoring scoring) {
        int longest = prompts.stream().mapToInt(prompt -> prompt.length).max().orElse(0);
        try (var cache = decoder.cache(prompts.size(), decoder.virtualTokens() + longest);
                var _ = decoder.device().memory().scope()) {
            var scores = firstTokens(decoder, prompts, candidates, cache);
            scoring.complete(scores, pairs -> addFurtherTokens(decoder, pairs, candidates, cache, scores));
            return scores;
        }
    }

    /** The likelihood of each candidate's first token follows from the prompt's last row. */
    private static double[][] firstTokens(Decoder decoder, List<int[]> prompts, List<int[]> candidates,
            KeyValueCache cache) {
        var sequences = Sequences.of(prompts);
        var hidden = decoder.hidden(sequences, cache);
        var logits = decoder.logits(hidden, Generation.lastRows(sequences, hidden.shape().rows())).toArray();
        int vocabulary = decoder.shape().vocabulary();
        var scores = new double[prompts.size()][candidates.size()];
        for (int p = 0; p < prompts.size(); p++) {
            double logSumExp = logSumExp(logits, p * vocabulary, vocabulary);
            for (int c = 0; c < candidates.size(); c++) {
                scores[p][c] = logits[p * vocabulary + candidates.get(c)[0]] - logSumExp;
            }
        }
        return scores;
    }

    private static void addFurtherTokens(Decoder decoder, List<Pair> pairs, List<int[]> candidates,
            KeyValueCache cache, double[][] scores) {
        var longer = pairs.stream().filter(pair -> candidates.get(pair.candidate).length > 1).toList();
        if (longer.isEmpty()) {
            return;
        }
        var inputs = longer.stream().map(pair -> candidates.get(pair.candidate))
                .map(candidate -> Arrays.copyOf(candidate, candidate.length - 1)).toList();
        var sequences = Sequences.of(inputs);
        var labels = new int[sequences.tokens()];
        for (int s = 0; s < inputs.size(); s++) {
            var candidate = candidates.get(longer.get(s).candidate);
            System.arraycopy(candidate, 1, labels, sequences.offsets()[s], candidate.length - 1);
        }
        var hidden = decoder.branch(sequences, cache, longer.stream().mapToInt(Pair::prompt).toArray());
        var losses = decoder.losses(hidden, labels).toArray();
        for (int s = 0; s < inputs.size(); s++) {
            var pair = longer.get(s);
            for (int row = sequences.offsets()[s]; row < sequences.offsets()[s + 1]; row++) {
                scores[pair.prompt][pair.candidate] -= losses[row];
            }
        }
    }

    private static double logSumExp(float[] values, int from, int count) {
        double largest = Double.NEGATIVE_INFINITY;
        for (int i = from; i < from + count; i++) {
            largest = Math.max(largest, values[i]);
        }
        double sum = 0;
        for (int i = from; i < from + count; i++) {
            sum += Math.exp(values[i] - largest);
        }
        return largest + Math.log(sum);
    }
}
