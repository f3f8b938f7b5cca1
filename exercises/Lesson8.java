// Lesson 8: docs/lessons/8-autograd.md. Check what you write with: ./lorikeet check 8

final class Lesson8 {

    /**
     * The backward of y = a · b, element by element: the gradients of a and of b, in this order.
     *
     * @param dy the gradient of y
     */
    static double[][] timesBackward(double[] a, double[] b, double[] dy) {
        throw new UnsupportedOperationException();
    }

    /**
     * The backward of y = softmax(x): the gradient of x.
     *
     * @param y  what softmax made
     * @param dy the gradient of y
     */
    static double[] softmaxBackward(double[] y, double[] dy) {
        throw new UnsupportedOperationException();
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
        throw new UnsupportedOperationException();
    }
}
