package lorikeet.model;

import java.util.Arrays;
import lorikeet.kernels.Device;
import lorikeet.kernels.Spans;
import lorikeet.model.data.Sequences;

/**
 * Where everything stands in one forward pass: virtual tokens of an input prompt in front of each sequence's own, positions
 * counted from what is already in front.
 *
 * @param offsets      rows of each sequence, virtual ones included
 * @param source       for each row, which row of [prompt; tokens] it is
 * @param positions    for each row, its position
 * @param prefixStart  for each sequence, first row of its keys and values in front
 * @param prefixLength and how many there are
 */
record Arrangement(int[] offsets, int[] source, int[] positions, int[] prefixStart, int[] prefixLength) {

    /**
     * @param promptLength virtual tokens in front of every sequence
     * @param prefixStart  as above
     * @param prefixLength as above; positions start after them
     */
    static Arrangement of(Sequences sequences, int promptLength, int[] prefixStart, int[] prefixLength) {
        int count = sequences.count();
        int rows = sequences.tokens() + count * promptLength;
        var offsets = new int[count + 1];
        var source = new int[rows];
        var positions = new int[rows];
        int row = 0;
        for (int s = 0; s < count; s++) {
            for (int i = 0; i < promptLength + sequences.length(s); i++, row++) {
                source[row] = i < promptLength ? i : sequences.offsets()[s] + i;
                positions[row] = prefixLength[s] + i;
            }
            offsets[s + 1] = row;
        }
        return new Arrangement(offsets, source, positions, prefixStart, prefixLength);
    }

    int sequences() {
        return offsets.length - 1;
    }

    Spans spans(Device device) {
        return Spans.on(device, offsets, prefixStart, prefixLength);
    }

    /** Label of each row: that of the token after it in the same sequence; the last virtual token predicts the first real one. */
    static int[] nextTokenLabels(Sequences sequences, int[] labels, int promptLength) {
        int count = sequences.count();
        var next = new int[sequences.tokens() + count * promptLength];
        Arrays.fill(next, Device.IGNORED_LABEL);
        for (int s = 0; s < count; s++) {
            int shift = (s + 1) * promptLength;
            for (int t = sequences.offsets()[s]; t < sequences.offsets()[s + 1]; t++) {
                boolean first = t == sequences.offsets()[s];
                if (!first || promptLength > 0) {
                    next[t + shift - 1] = labels[t];
                }
            }
        }
        return next;
    }
}
