package lorikeet.test;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import lorikeet.engine.AdamWOptimizer;
import lorikeet.engine.Autograd;
import lorikeet.engine.Tensor;
import lorikeet.kernels.Device;
import lorikeet.kernels.RandomKey;
import lorikeet.model.Decoder;
import lorikeet.model.Pass;
import lorikeet.model.data.Batch;
import lorikeet.peft.Adapter;
import lorikeet.peft.Method;

/** A method on the golden base, ready to be looked at: what a test opens, asks and closes. */
record Subject(Decoder decoder, Adapter adapter) implements AutoCloseable {

    static Subject of(Device device, Method method) throws IOException {
        var decoder = GoldenBase.load(device);
        return new Subject(decoder, method.attach(decoder, 7));
    }

    Device device() {
        return decoder.device();
    }

    /** Values of the trainable parameters by name. */
    Map<String, float[]> values() {
        return values(adapter.parameters());
    }

    static Map<String, float[]> values(Map<String, Tensor> parameters) {
        var values = new TreeMap<String, float[]>();
        parameters.forEach((name, tensor) -> values.put(name, tensor.toArray()));
        return values;
    }

    /** Logits of all rows of a batch. */
    float[] logits(Batch batch) {
        return logits(decoder, batch);
    }

    static float[] logits(Decoder decoder, Batch batch) {
        try (var _ = decoder.device().memory().scope()) {
            return Autograd.off(() -> decoder.logits(batch.sequences(), Pass.EVALUATION)).toArray();
        }
    }

    static Pass pass(boolean recompute) {
        return new Pass(true, new RandomKey(3, 0), recompute);
    }

    /** Mean loss with its gradient by name of parameter; null where backward left none. */
    record Gradients(float loss, Map<String, float[]> byName) {}

    /** One forward and backward. The gradients are forgotten afterwards. */
    Gradients gradients(Batch batch, Pass pass) {
        return gradients(decoder, adapter.parameters(), batch, pass);
    }

    static Gradients gradients(Decoder decoder, Map<String, Tensor> parameters, Batch batch, Pass pass) {
        var device = decoder.device();
        try (var _ = device.memory().scope()) {
            float factor = 1f / batch.labelCount(decoder.promptLength());
            var loss = decoder.loss(batch.sequences(), batch.labels(), factor, pass);
            loss.backward();
            var byName = new TreeMap<String, float[]>();
            parameters.forEach((name, parameter) -> {
                var gradient = parameter.gradient();
                byName.put(name, gradient == null ? null : device.downloadFloats(gradient));
                parameter.zeroGradient();
            });
            return new Gradients(loss.item(), byName);
        }
    }

    /** AdamW over everything trainable, with one weight decay for all. */
    AdamWOptimizer adamW(float decay) {
        var all = new AdamWOptimizer.Group(List.copyOf(adapter.parameters().values()), decay, 1);
        return new AdamWOptimizer(List.of(all), AdamWOptimizer.Settings.DEFAULT);
    }

    @Override
    public void close() {
        adapter.detach();
        decoder.close();
    }
}
