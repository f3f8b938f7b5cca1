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
        int d = q[0].length;
        int prefix = prefixKeys.length;
        var result = new double[q.length][d];
        for (int t = 0; t < q.length; t++) {
            int seen = prefix + t + 1;
            var weights = new double[seen];
            double largest = Double.NEGATIVE_INFINITY;
            for (int j = 0; j < seen; j++) {
                var key = j < prefix ? prefixKeys[j] : k[j - prefix];
                for (int c = 0; c < d; c++) {
                    weights[j] += q[t][c] * key[c] / Math.sqrt(d);
                }
                largest = Math.max(largest, weights[j]);
            }
            double sum = 0;
            for (int j = 0; j < seen; j++) {
                weights[j] = Math.exp(weights[j] - largest);
                sum += weights[j];
            }
            for (int j = 0; j < seen; j++) {
                var value = j < prefix ? prefixValues[j] : v[j - prefix];
                for (int c = 0; c < d; c++) {
                    result[t][c] += weights[j] / sum * value[c];
                }
            }
        }
        return result;
    }
}
