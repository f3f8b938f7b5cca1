package lorikeet.model.text;

import java.util.ArrayList;
import java.util.List;

/** Encodes as the definition of BPE says: in each piece, carry out the merges one by one, in the order of the list. */
final class NaiveBpe {
    private NaiveBpe() {}

    static int[] encode(BpeVocabulary vocabulary, String text) {
        var ids = new ArrayList<Integer>();
        ByteLevel.pieces(text, piece -> ids.addAll(merge(vocabulary, piece)));
        return ids.stream().mapToInt(i -> i).toArray();
    }

    private static List<Integer> merge(BpeVocabulary vocabulary, String piece) {
        var ids = new ArrayList<>(piece.chars().mapToObj(c -> vocabulary.tokens().indexOf("" + (char) c)).toList());
        for (int m = 0; m < vocabulary.merges().size(); m++) {
            var merge = vocabulary.merges().get(m);
            for (int i = 0; i + 1 < ids.size(); i++) {
                if (ids.get(i) == merge.left() && ids.get(i + 1) == merge.right()) {
                    ids.remove(i + 1);
                    ids.set(i, 256 + m);
                }
            }
        }
        return ids;
    }
}
