package lorikeet.test.reference;

/**
 * Sequences of one length.
 *
 * @param ids    token ids, [sequences][length]
 * @param mask   1 for a token, 0 for padding behind the tokens
 * @param labels what each position should have predicted at the position before it; negative where it does not count
 */
public record Batch(int[][] ids, int[][] mask, int[][] labels) {
    /** Number of sequences. */
    public int sequences() {
        return ids.length;
    }
}
