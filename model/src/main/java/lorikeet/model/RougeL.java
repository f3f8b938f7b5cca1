package lorikeet.model;

import java.util.Locale;
import java.util.regex.Pattern;

/**
 * How much of one text is in another, word for word and in order: the F-measure of their longest common subsequence of
 * words, as Lin has it (ROUGE: A Package for Automatic Evaluation of Summaries, 2004, with β = 1). Words are runs of
 * ASCII letters and digits, in lower case.
 */
public final class RougeL {
    private static final Pattern NO_WORD = Pattern.compile("[^a-z0-9]+");

    private RougeL() {}

    /** From 0, no word in common, to 1, the same words in the same order; 0 if one of the texts has no words. */
    public static double of(String reference, String text) {
        var wanted = words(reference);
        var found = words(text);
        double common = longestCommonSubsequence(wanted, found);
        return common == 0 ? 0 : 2 * common / (wanted.length + found.length); // 2PR / (P + R)
    }

    private static String[] words(String text) {
        return NO_WORD.splitAsStream(text.toLowerCase(Locale.ROOT)).filter(word -> !word.isEmpty())
                .toArray(String[]::new);
    }

    private static int longestCommonSubsequence(String[] a, String[] b) {
        var length = new int[b.length + 1]; // of the words of a so far with the first j of b
        for (var word : a) {
            int diagonal = 0;
            for (int j = 1; j <= b.length; j++) {
                int above = length[j];
                length[j] = word.equals(b[j - 1]) ? diagonal + 1 : Math.max(above, length[j - 1]);
                diagonal = above;
            }
        }
        return length[b.length];
    }
}
