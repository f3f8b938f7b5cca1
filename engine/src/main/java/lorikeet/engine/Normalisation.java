package lorikeet.engine;

/** Layer norm and softmax: operations along the last axis that keep its extent. */
public final class Normalisation {
    private Normalisation() {}

    /**
     * Layer norm (Ba et al. 2016) over the last axis.
     *
     * @param gamma   scale, [columns]
     * @param beta    shift, [columns]
     * @param epsilon added to the variance
     */
    public static Tensor layerNorm(Tensor x, Tensor gamma, Tensor beta, float epsilon) {
        var mean = x.result(Shape.of(x.shape().rows()));
        var rstd = x.result(mean.shape());
        var y = x.result();
        x.device().layerNorm(y.data(), mean.data(), rstd.data(), x.data(), gamma.data(), beta.data(), x.shape().rows(),
                x.shape().columns(), epsilon);
        return normed(y, mean, rstd, x, gamma, beta, epsilon);
    }

    /** A sum and its layer norm. */
    public record Residual(Tensor sum, Tensor normed) {}

    /** a + b, and the layer norm of that. */
    public static Residual addLayerNorm(Tensor a, Tensor b, Tensor gamma, Tensor beta, float epsilon) {
        var sum = a.result();
        var mean = a.result(Shape.of(a.shape().rows()));
        var rstd = a.result(mean.shape());
        var y = a.result();
        a.device().addLayerNorm(y.data(), sum.data(), mean.data(), rstd.data(), a.data(), b.data(), gamma.data(),
                beta.data(), a.shape().rows(), a.shape().columns(), epsilon);
        sum = sum.derive(Gradient.same(a), Gradient.same(b));
        return new Residual(sum, normed(y, mean, rstd, sum, gamma, beta, epsilon));
    }

    /** Names {@code y} as the layer norm of {@code x}. */
    private static Tensor normed(Tensor y, Tensor mean, Tensor rstd, Tensor x, Tensor gamma, Tensor beta,
            float epsilon) {
        var device = x.device();
        int rows = x.shape().rows();
        int columns = x.shape().columns();
        return y.derive(
                Gradient.of(x, (dx, dy, add) -> device.layerNormBackward(dx, dy, x.data(), mean.data(), rstd.data(),
                        gamma.data(), rows, columns, add), x, mean, rstd, gamma),
                Gradient.of(gamma, (dgamma, dy, add) -> device.layerNormParameterGradient(dgamma, null, dy, x.data(),
                        mean.data(), rstd.data(), rows, columns, add, false), x, mean, rstd),
                Gradient.of(beta, (dbeta, dy, add) -> device.sum(dbeta, dy, 1, rows, columns, add)))
                .cheap(() -> device.layerNorm(y.data(), mean.data(), rstd.data(), x.data(), gamma.data(), beta.data(),
                        rows,
                        columns, epsilon), x, mean, rstd, gamma, beta);
    }

    static Tensor softmax(Tensor x) {
        var device = x.device();
        int rows = x.shape().rows();
        int columns = x.shape().columns();
        var y = x.result();
        device.softmax(y.data(), x.data(), rows, columns);
        return y.derive(
                Gradient.of(x, (dx, dy, add) -> device.softmaxBackward(dx, dy, y.data(), rows, columns, add), y));
    }
}
