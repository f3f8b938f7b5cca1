// Lesson 3: docs/lessons/3-soft-prompts.md. Check what you write with: ./lorikeet check 3

final class Lesson3 {

    /**
     * Attention of one head with a learned prefix: query t sees all rows of the prefix, and tokens 0 to t.
     *
     * @param q            [tokens][d], the queries
     * @param k            [tokens][d], the keys of the tokens
     * @param v            [tokens][d], their values
     * @param prefixKeys   [prefix][d], keys in front of those of the tokens; there may be none
     * @param prefixValues [prefix][d], their values
     * @return             [tokens][d]: for each query the values that it sees, mixed by the softmax of its scores, where a
     *                     score is q · k / √d
     */
    static double[][] attention(double[][] q, double[][] k, double[][] v, double[][] prefixKeys, double[][] prefixValues) {
        throw new UnsupportedOperationException();
    }
}
