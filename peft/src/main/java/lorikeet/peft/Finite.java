package lorikeet.peft;

import java.util.Map;
import lorikeet.engine.Tensor;

/** Refuses numbers that would spoil everything they are added to. */
final class Finite {
    private Finite() {}

    /** @throws ArithmeticException naming the first tensor that holds a NaN or an infinity */
    static void require(Map<String, Tensor> parameters) {
        parameters.forEach((name, tensor) -> {
            for (float value : tensor.toArray()) {
                if (!Float.isFinite(value)) {
                    throw new ArithmeticException("tensor " + name + " holds " + value + ": refusing to merge it");
                }
            }
        });
    }
}
