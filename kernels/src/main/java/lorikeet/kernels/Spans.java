package lorikeet.kernels;

/**
 * Where the sequences of a batch lie. Tokens of all sequences stand one after the other without padding: sequence
 * {@code s} is the rows {@code offsets[s]} to {@code offsets[s + 1]} of every activation. In front of its own keys,
 * sequence {@code s} also attends to the rows {@code prefixStart[s]} to {@code prefixStart[s] + prefixLength[s]} of a
 * separate prefix (a learned prefix, or the cache of earlier tokens); sequences may share these rows.
 *
 * @param table the three arrays on the device, one after the other, I32: offsets (sequences + 1), prefixStart, prefixLength
 */
public record Spans(int[] offsets, int[] prefixStart, int[] prefixLength, Buffer table) {

    /** Uploads the arrays; {@code table} belongs to the innermost open memory scope. */
    public static Spans on(Device device, int[] offsets, int[] prefixStart, int[] prefixLength) {
        int sequences = offsets.length - 1;
        if (prefixStart.length != sequences || prefixLength.length != sequences || offsets[0] != 0) {
            throw new IllegalArgumentException("offsets, prefixStart and prefixLength do not fit together");
        }
        var all = new int[3 * sequences + 1];
        System.arraycopy(offsets, 0, all, 0, sequences + 1);
        System.arraycopy(prefixStart, 0, all, sequences + 1, sequences);
        System.arraycopy(prefixLength, 0, all, 2 * sequences + 1, sequences);
        var table = device.memory().allocate(DType.I32, all.length, Purpose.ACTIVATIONS);
        device.upload(table, all);
        return new Spans(offsets, prefixStart, prefixLength, table);
    }

    public int sequences() {
        return offsets.length - 1;
    }

    /** Tokens of all sequences together: the rows of queries, keys, values and outputs. */
    public int tokens() {
        return offsets[sequences()];
    }

    /** Tokens of sequence {@code s}. */
    public int length(int s) {
        return offsets[s + 1] - offsets[s];
    }

    /** Tokens of the longest sequence. */
    public int longest() {
        int longest = 0;
        for (int s = 0; s < sequences(); s++) {
            longest = Math.max(longest, length(s));
        }
        return longest;
    }

    /** Rows of the longest prefix; 0 if no sequence has one. */
    public int longestPrefix() {
        int longest = 0;
        for (int length : prefixLength) {
            longest = Math.max(longest, length);
        }
        return longest;
    }
}
