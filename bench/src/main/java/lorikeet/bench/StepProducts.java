package lorikeet.bench;

import java.util.LinkedHashMap;
import java.util.Map;
import lorikeet.model.ModelShape;

/** The matrix products that one training step cannot do without, by shape. */
final class StepProducts {
    /**
     * A product of an m × k and a k × n matrix.
     *
     * @param batch how many are computed together: attention has one for each head and sequence
     */
    record Product(int m, int n, int k, int batch) {
        double flops() {
            return 2.0 * m * n * k * batch;
        }
    }

    private final Map<Product, Integer> counts = new LinkedHashMap<>();

    private StepProducts() {}

    /** How often each occurs, for full fine-tuning or LoRA. Attention counts whole squares, nothing left out as causal. */
    static Map<Product, Integer> of(ModelShape shape, Workload workload, String method) {
        var products = new StepProducts();
        int tokens = workload.tokens();
        boolean full = method.equals(Methods.FULL);
        for (int layer = 0; layer < shape.layers(); layer++) {
            for (var linear : shape.linears().subList(4 * layer, 4 * layer + 4)) {
                boolean lowest = linear.name().equals("h.0.attn.c_attn");
                products.add(tokens, linear.out(), linear.in(), 1); // y = x W
                if (full || !lowest) {
                    products.add(tokens, linear.in(), linear.out(), 1); // dx = dy Wᵀ
                }
                if (full) {
                    products.add(linear.in(), linear.out(), tokens, 1); // dW = xᵀ dy
                } else if (method.equals(Methods.LORA_ALL) || linear.name().endsWith("c_attn")) {
                    products.lora(tokens, linear, lowest);
                }
            }
            products.attention(workload, shape);
        }
        int predicting = tokens - workload.sequences();
        products.add(predicting, shape.vocabulary(), shape.width(), 1);
        products.add(predicting, shape.width(), shape.vocabulary(), 1);
        if (full) {
            products.add(shape.vocabulary(), shape.width(), predicting, 1);
        }
        return products.counts;
    }

    private void lora(int tokens, ModelShape.Layer linear, boolean lowest) {
        int rank = Methods.RANK;
        add(tokens, rank, linear.in(), 1); // u = x Aᵀ
        add(tokens, linear.out(), rank, 1); // h += u Bᵀ
        add(tokens, rank, linear.out(), 1); // du = dh B
        add(linear.out(), rank, tokens, 1); // dB = dhᵀ u
        add(rank, linear.in(), tokens, 1); // dA = duᵀ x
        if (!lowest) {
            add(tokens, linear.in(), rank, 1); // dx += du A
        }
    }

    private void attention(Workload workload, ModelShape shape) {
        int length = workload.length();
        int batch = workload.sequences() * shape.heads();
        for (int i = 0; i < 3; i++) { // scores, scores again in backward, gradient of the weights
            add(length, length, shape.headSize(), batch);
        }
        for (int i = 0; i < 4; i++) { // output, gradients of queries, keys and values
            add(length, shape.headSize(), length, batch);
        }
    }

    private void add(int m, int n, int k, int batch) {
        counts.merge(new Product(m, n, k, batch), 1, Integer::sum);
    }

    static double flops(Map<Product, Integer> products) {
        return products.entrySet().stream()
                .mapToDouble(entry -> entry.getKey().flops() * entry.getValue()).sum();
    }
}
