package lorikeet.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import lorikeet.model.data.Sequences;

/**
 * Classification told as text: which of a fixed set of completions does the model find likeliest after a prompt? The score
 * of a completion is the sum of the log-likelihoods of its tokens. Each prompt is read once; all candidates continue its
 * keys and values.
 */
public final class LabelScores {
    private LabelScores() {}

    /**
     * @param prompts    token ids of each prompt
     * @param candidates token ids of each possible completion, its terminator included
     * @return for each prompt the score of each candidate
     */
    public static double[][] of(Decoder decoder, List<int[]> prompts, List<int[]> candidates) {
        int longest = prompts.stream().mapToInt(prompt -> prompt.length).max().orElse(0);
        try (var cache = decoder.cache(prompts.size(), decoder.virtualTokens() + longest);
                var _ = decoder.device().memory().scope()) {
            var scores = firstTokens(decoder, prompts, candidates, cache);
            addFurtherTokens(decoder, prompts.size(), candidates, cache, scores);
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

    private static void addFurtherTokens(Decoder decoder, int prompts, List<int[]> candidates, KeyValueCache cache,
            double[][] scores) {
        var inputs = new ArrayList<int[]>();
        var continues = new ArrayList<Integer>();
        for (int p = 0; p < prompts; p++) {
            for (var candidate : candidates) {
                inputs.add(Arrays.copyOf(candidate, candidate.length - 1));
                continues.add(p);
            }
        }
        var sequences = Sequences.of(inputs);
        var labels = new int[sequences.tokens()];
        for (int s = 0; s < inputs.size(); s++) {
            var candidate = candidates.get(s % candidates.size());
            System.arraycopy(candidate, 1, labels, sequences.offsets()[s], candidate.length - 1);
        }
        var hidden = decoder.branch(sequences, cache, continues.stream().mapToInt(Integer::intValue).toArray());
        var losses = decoder.losses(hidden, labels).toArray();
        for (int s = 0; s < inputs.size(); s++) {
            for (int row = sequences.offsets()[s]; row < sequences.offsets()[s + 1]; row++) {
                scores[s / candidates.size()][s % candidates.size()] -= losses[row];
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
