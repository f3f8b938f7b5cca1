// Lesson 5: docs/lessons/5-adapters.md. Check what you write with: ./lorikeet check 5

final class Lesson5 {

    /**
     * An adapter in series: h + tanh(h Dᵀ) Uᵀ.
     *
     * @param h    [tokens][width], what the sublayer made
     * @param down D, [bottleneck][width]
     * @param up   U, [width][bottleneck]
     * @return     [tokens][width]
     */
    static double[][] series(double[][] h, double[][] down, double[][] up) {
        return plus(h, product(tanh(product(h, transpose(down))), transpose(up)));
    }

    /**
     * An adapter in parallel: what it adds to h, it makes of what the sublayer was given.
     *
     * @param x [tokens][width], what the sublayer was given
     */
    static double[][] parallel(double[][] h, double[][] x, double[][] down, double[][] up) {
        return plus(h, product(tanh(product(x, transpose(down))), transpose(up)));
    }

    /**
     * The gradients of h, of down and of up in series, in this order. The derivative of t = tanh(u) is 1 − t².
     *
     * @param dy [tokens][width], the gradient of the result
     */
    static double[][][] backward(double[][] h, double[][] down, double[][] up, double[][] dy) {
        var t = tanh(product(h, transpose(down)));
        var du = product(dy, up);
        for (int i = 0; i < du.length; i++) {
            for (int j = 0; j < du[0].length; j++) {
                du[i][j] *= 1 - t[i][j] * t[i][j];
            }
        }
        var dh = plus(dy, product(du, down));
        return new double[][][] {dh, product(transpose(du), h), product(transpose(dy), t)};
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

    static double[][] plus(double[][] a, double[][] b) {
        var c = new double[a.length][a[0].length];
        for (int i = 0; i < a.length; i++) {
            for (int j = 0; j < a[0].length; j++) {
                c[i][j] = a[i][j] + b[i][j];
            }
        }
        return c;
    }

    static double[][] tanh(double[][] a) {
        var c = new double[a.length][a[0].length];
        for (int i = 0; i < a.length; i++) {
            for (int j = 0; j < a[0].length; j++) {
                c[i][j] = Math.tanh(a[i][j]);
            }
        }
        return c;
    }
}
