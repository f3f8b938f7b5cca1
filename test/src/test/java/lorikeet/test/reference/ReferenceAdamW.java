package lorikeet.test.reference;

import java.util.HashMap;
import java.util.Map;

/** AdamW (1711.05101) in doubles: decoupled weight decay, bias correction. Changes the arrays that it is given. */
public final class ReferenceAdamW {
    private static final double BETA1 = 0.9;
    private static final double BETA2 = 0.999;
    private static final double EPSILON = 1e-8;

    private final double rate;
    private final double decay;
    private final Map<String, double[]> mean = new HashMap<>();
    private final Map<String, double[]> square = new HashMap<>();
    private int steps;

    public ReferenceAdamW(double rate, double decay) {
        this.rate = rate;
        this.decay = decay;
    }

    public void step(Map<String, double[]> parameters, Map<String, double[]> gradients) {
        steps++;
        gradients.forEach((name, gradient) -> {
            var p = parameters.get(name);
            var m = mean.computeIfAbsent(name, _ -> new double[p.length]);
            var v = square.computeIfAbsent(name, _ -> new double[p.length]);
            for (int i = 0; i < p.length; i++) {
                m[i] = BETA1 * m[i] + (1 - BETA1) * gradient[i];
                v[i] = BETA2 * v[i] + (1 - BETA2) * gradient[i] * gradient[i];
                double corrected = m[i] / (1 - Math.pow(BETA1, steps));
                double root = Math.sqrt(v[i] / (1 - Math.pow(BETA2, steps)));
                p[i] -= rate * decay * p[i] + rate * corrected / (root + EPSILON);
            }
        });
    }
}
