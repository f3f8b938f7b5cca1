// Lesson 4: docs/lessons/4-lora.md. Check what you write with: ./lorikeet check 4

final class Lesson4 {

    /**
     * h = x W + (alpha / rank) · x Aᵀ Bᵀ.
     *
     * @param x [tokens][in]
     * @param w [in][out], frozen
     * @param a [rank][in]
     * @param b [out][rank]
     * @return  [tokens][out]
     */
    static double[][] forward(double[][] x, double[][] w, double[][] a, double[][] b, double alpha) {
        throw new UnsupportedOperationException();
    }

    /**
     * The gradients of x, A and B, in this order, each of the shape of what it is the gradient of. W is frozen and has none.
     *
     * @param dh [tokens][out], the gradient of h
     */
    static double[][][] backward(double[][] x, double[][] w, double[][] a, double[][] b, double alpha, double[][] dh) {
        throw new UnsupportedOperationException();
    }

    /** The weight that does the same alone as W with A and B beside it: [in][out]. */
    static double[][] merge(double[][] w, double[][] a, double[][] b, double alpha) {
        throw new UnsupportedOperationException();
    }

    /** The matrix product a b, in case you need it. */
    static double[][] product(double[][] a, double[][] b) {
        var c = new double[a.length][b[0].length];
        for (int i = 0; i < a.length; i++) {
            for (int j = 0; j < b[0].length; j++) {
                for (int k = 0; k < b.length; k++) {
                    c[i][j] += a[i][k] * b[k][j];
                }
            }
        }
        return c;
    }

    /** Rows and columns exchanged. */
    static double[][] transpose(double[][] a) {
        var t = new double[a[0].length][a.length];
        for (int i = 0; i < a.length; i++) {
            for (int j = 0; j < a[0].length; j++) {
                t[j][i] = a[i][j];
            }
        }
        return t;
    }
}
