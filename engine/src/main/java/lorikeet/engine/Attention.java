package lorikeet.engine;

import lorikeet.kernels.AttentionShape;
import lorikeet.kernels.Matrix;
import lorikeet.kernels.Spans;

/** Causal multi-head attention over sequences of different lengths, with optional keys and values in front. */
public final class Attention {
    private Attention() {}

    /**
     * Each token attends to its sequence's prefix rows and to the tokens of its own sequence up to itself.
     *
     * @param qkv    [tokens, (heads + 2 kvHeads) · headSize]: queries, keys, values side by side
     * @param prefix [rows, 2 kvHeads · headSize]: keys and values side by side that {@code spans} puts in front of each
     *               sequence, or null
     * @return [tokens, heads · headSize]
     */
    public static Tensor attention(Tensor qkv, Tensor prefix, Spans spans, AttentionShape shape) {
        var device = qkv.device();
        int tokens = spans.tokens();
        int q = shape.heads() * shape.headSize();
        int kv = shape.kvHeads() * shape.headSize();
        var out = qkv.result(Shape.of(tokens, q));
        var logSumExp = qkv.result(Shape.of(tokens, shape.heads()));
        var input = qkv.matrix();
        device.attention(out.matrix(), logSumExp.data(), input.columns(0, q), input.columns(q, kv),
                input.columns(q + kv, kv), keys(prefix, kv), values(prefix, kv), spans, shape);
        var table = table(spans);
        var inputs = prefix == null ? new Tensor[] {qkv} : new Tensor[] {qkv, prefix};
        var saved = prefix == null
                ? new Tensor[] {qkv, out, logSumExp, table}
                : new Tensor[] {qkv, prefix, out, logSumExp, table};
        return out.derive(new Gradient(inputs, saved, dy -> {
            try (var _ = device.memory().scope()) {
                var dqkv = qkv.result();
                var gradient = dqkv.matrix();
                Matrix dkPrefix = null;
                Matrix dvPrefix = null;
                Tensor dPrefix = null;
                if (prefix != null && prefix.requiresGrad()) {
                    dPrefix = prefix.result();
                    device.fill(dPrefix.data(), 0);
                    dkPrefix = keys(dPrefix, kv);
                    dvPrefix = values(dPrefix, kv);
                }
                device.attentionBackward(gradient.columns(0, q), gradient.columns(q, kv), gradient.columns(q + kv, kv),
                        dkPrefix, dvPrefix, Matrix.of(dy, tokens, q), out.matrix(), logSumExp.data(),
                        input.columns(0, q), input.columns(q, kv), input.columns(q + kv, kv), keys(prefix, kv),
                        values(prefix, kv), spans, shape);
                qkv.accumulate(dqkv.data());
                if (dPrefix != null) {
                    prefix.accumulate(dPrefix.data());
                }
            }
        }));
    }

    /** Where the sequences lie, as a tensor, for those who keep it for backward. */
    public static Tensor table(Spans spans) {
        return Tensor.over(spans.table(), Shape.of((int) spans.table().size()));
    }

    private static Matrix keys(Tensor prefix, int width) {
        return prefix == null ? null : prefix.matrix().columns(0, width);
    }

    private static Matrix values(Tensor prefix, int width) {
        return prefix == null ? null : prefix.matrix().columns(width, width);
    }
}
