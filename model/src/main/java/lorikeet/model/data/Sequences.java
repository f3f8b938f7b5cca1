package lorikeet.model.data;

import java.util.List;

/**
 * The tokens of a batch, all sequences one after the other, without padding.
 *
 * @param ids     token ids
 * @param offsets sequence s is ids[offsets[s]] … ids[offsets[s + 1] − 1]
 */
public record Sequences(int[] ids, int[] offsets) {

    public static Sequences of(List<int[]> sequences) {
        var offsets = new int[sequences.size() + 1];
        for (int s = 0; s < sequences.size(); s++) {
            offsets[s + 1] = offsets[s] + sequences.get(s).length;
        }
        var ids = new int[offsets[sequences.size()]];
        for (int s = 0; s < sequences.size(); s++) {
            System.arraycopy(sequences.get(s), 0, ids, offsets[s], sequences.get(s).length);
        }
        return new Sequences(ids, offsets);
    }

    public int count() {
        return offsets.length - 1;
    }

    public int tokens() {
        return ids.length;
    }

    public int length(int s) {
        return offsets[s + 1] - offsets[s];
    }
}
