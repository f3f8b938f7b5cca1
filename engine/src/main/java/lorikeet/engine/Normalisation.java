package lorikeet.engine;

import java.util.List;

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
        var device = x.device();
        int rows = x.shape().rows();
        int columns = x.shape().columns();
        var y = x.result();
        var mean = x.result(Shape.of(rows));
        var rstd = x.result(Shape.of(rows));
        device.layerNorm(y.data(), mean.data(), rstd.data(), x.data(), gamma.data(), beta.data(), rows, columns,
                epsilon);
        return y.derive(
                Gradient.of(x, (dx, dy, add) -> device.layerNormBackward(dx, dy, x.data(), mean.data(), rstd.data(),
                        gamma.data(), rows, columns, add), x, mean, rstd, gamma),
                Gradient.of(gamma, (dgamma, dy, add) -> device.layerNormParameterGradient(dgamma, null, dy, x.data(),
                        mean.data(), rstd.data(), rows, columns, add, false), x, mean, rstd),
                Gradient.of(beta, (dbeta, dy, add) -> device.sum(dbeta, dy, 1, rows, columns, add)))
                .cheap(List.of(x, mean, rstd, gamma, beta), () -> device.layerNorm(y.data(), mean.data(), rstd.data(),
                        x.data(), gamma.data(), beta.data(), rows, columns, epsilon));
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
