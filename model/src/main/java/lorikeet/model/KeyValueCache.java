package lorikeet.model;

import java.util.ArrayList;
import java.util.List;
import lorikeet.engine.Shape;
import lorikeet.engine.Tensor;
import lorikeet.kernels.DType;
import lorikeet.kernels.Device;
import lorikeet.kernels.Matrix;
import lorikeet.kernels.Purpose;

/**
 * Keys and values of the tokens seen so far, so that each new token costs one token's work. Each layer has
 * [sequences · capacity, 2 · keyValueWidth]; sequence s owns the rows from s · capacity on.
 */
public final class KeyValueCache implements AutoCloseable {
    private final int capacity;
    private final int[] lengths;
    private final List<Tensor> layers;

    /** Room for {@code capacity} tokens, virtual ones included, of each of {@code sequences} sequences. */
    public KeyValueCache(Device device, ModelShape shape, int sequences, int capacity) {
        this.capacity = capacity;
        this.lengths = new int[sequences];
        var rows = Shape.of(sequences * capacity, 2 * shape.keyValueWidth());
        this.layers = device.memory().allOrNothing(() -> {
            var made = new ArrayList<Tensor>();
            for (int layer = 0; layer < shape.layers(); layer++) {
                var memory = device.memory().allocateOwned(DType.F32, rows.size(), Purpose.ACTIVATIONS);
                made.add(Tensor.over(memory, rows));
            }
            return made;
        });
    }

    /** Tokens seen of sequence {@code s}. */
    public int length(int s) {
        return lengths[s];
    }

    public int sequences() {
        return lengths.length;
    }

    int capacity() {
        return capacity;
    }

    /** First row of sequence {@code s}. */
    int start(int s) {
        return s * capacity;
    }

    /** Keys and values of one layer side by side, [sequences · capacity, 2 · keyValueWidth]. */
    public Tensor layer(int layer) {
        return layers.get(layer);
    }

    /** Puts new keys and values of one layer behind those that are there; {@link #advance} makes them count. */
    void append(int layer, Matrix keyValues, Tensor rows) {
        var target = layers.get(layer);
        target.device().scatter(target.matrix(), rows.data(), keyValues);
    }

    void advance(int s, int tokens) {
        if (lengths[s] + tokens > capacity) {
            throw new IllegalStateException(
                    "the cache holds " + capacity + " tokens, sequence " + s + " would have " + (lengths[s] + tokens));
        }
        lengths[s] += tokens;
    }

    @Override
    public void close() {
        layers.forEach(Tensor::free);
        layers.clear();
    }
}
