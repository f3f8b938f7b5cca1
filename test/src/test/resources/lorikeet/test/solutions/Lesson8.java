// Lesson 8: docs/lessons/8-autograd.md. Check what you write with: ./lorikeet check 8

final class Lesson8 {

    /**
     * The backward of y = a · b, element by element: the gradients of a and of b, in this order.
     *
     * @param dy the gradient of y
     */
    static double[][] timesBackward(double[] a, double[] b, double[] dy) {
        int n = a.length;
        var da = new double[n];
        var db = new double[n];
        for (int i = 0; i < n; i++) {
            da[i] = b[i] * dy[i];
            db[i] = a[i] * dy[i];
        }
        return new double[][] {da, db};
    }

    /**
     * The backward of y = softmax(x): the gradient of x.
     *
     * @param y  what softmax made
     * @param dy the gradient of y
     */
    static double[] softmaxBackward(double[] y, double[] dy) {
        int n = y.length;
        double sum = 0;
        for (int i = 0; i < n; i++) {
            sum += y[i] * dy[i];
        }
        var dx = new double[n];
        for (int i = 0; i < n; i++) {
            dx[i] = y[i] * (dy[i] - sum);
        }
        return dx;
    }

    /**
     * One step of AdamW, with β₁ = 0.9, β₂ = 0.999 and ε = 1e-8. It writes to w, mean and square.
     *
     * <pre>
     * w ← w − rate · decay · w
     * mean ← β₁ mean + (1 − β₁) g,   square ← β₂ square + (1 − β₂) g²
     * w ← w − rate · (mean / (1 − β₁ˢᵗᵉᵖ)) / (√(square / (1 − β₂ˢᵗᵉᵖ)) + ε)
     * </pre>
     *
     * @param w      the trained numbers
     * @param g      their gradients
     * @param mean   the running average of g
     * @param square the running average of g²
     * @param step   from 1
     * @param rate   the learning rate
     * @param decay  weight decay
     */
    static void adamw(double[] w, double[] g, double[] mean, double[] square, int step, double rate, double decay) {
        double beta1 = 0.9;
        double beta2 = 0.999;
        for (int i = 0; i < w.length; i++) {
            w[i] -= rate * decay * w[i];
            mean[i] = beta1 * mean[i] + (1 - beta1) * g[i];
            square[i] = beta2 * square[i] + (1 - beta2) * g[i] * g[i];
            double m = mean[i] / (1 - Math.pow(beta1, step));
            double v = square[i] / (1 - Math.pow(beta2, step));
            w[i] -= rate * m / (Math.sqrt(v) + 1e-8);
        }
    }
}
