package lorikeet.model;

import lorikeet.engine.Normalisation;
import lorikeet.engine.Tensor;

/** Layer norm with its scale and shift. */
public record LayerNorm(Tensor gamma, Tensor beta, float epsilon) {

    Tensor forward(Tensor x) {
        return Normalisation.layerNorm(x, gamma, beta, epsilon);
    }

    /** a + b, and the norm of that. */
    Normalisation.Residual ofSum(Tensor a, Tensor b) {
        return Normalisation.addLayerNorm(a, b, gamma, beta, epsilon);
    }
}
