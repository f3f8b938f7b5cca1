// Lesson 7: docs/lessons/7-why-it-works.md. Check what you write with: ./lorikeet check 7

final class Lesson7 {

    /**
     * How many directions a matrix really uses: e to the power of the entropy of its singular values (Roy and Vetterli 2007).
     * Divide them by their sum, which makes shares p; the entropy is −Σ p ln p, where a share of zero counts nothing.
     */
    static double effectiveRank(double[] singularValues) {
        double sum = 0;
        for (double s : singularValues) {
            sum += s;
        }
        double entropy = 0;
        for (double s : singularValues) {
            double p = s / sum;
            if (p > 0) {
                entropy -= p * Math.log(p);
            }
        }
        return Math.exp(entropy);
    }

    /**
     * How far the spaces that two sets of directions span overlap, from 0 to 1, as section 7.2 of the LoRA paper has it: the
     * sum of the squares of all numbers in Uᵀ V, divided by the number of directions in the smaller set.
     *
     * @param u [width][i]: i orthonormal directions, one a column
     * @param v [width][j]
     */
    static double overlap(double[][] u, double[][] v) {
        int i = u[0].length;
        int j = v[0].length;
        double squares = 0;
        for (int a = 0; a < i; a++) {
            for (int b = 0; b < j; b++) {
                double cosine = 0;
                for (int c = 0; c < u.length; c++) {
                    cosine += u[c][a] * v[c][b];
                }
                squares += cosine * cosine;
            }
        }
        return squares / Math.min(i, j);
    }
}
