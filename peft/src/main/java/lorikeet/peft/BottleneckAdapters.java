package lorikeet.peft;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import lorikeet.engine.Initialisation;
import lorikeet.engine.Shape;
import lorikeet.engine.Tensor;
import lorikeet.kernels.Device;
import lorikeet.kernels.RandomKey;
import lorikeet.model.Block;
import lorikeet.model.Decoder;
import lorikeet.model.ModelShape;
import lorikeet.model.Pass;
import lorikeet.model.Sublayer;

/** Series or parallel adapters at the sublayers of a decoder. */
public final class BottleneckAdapters implements Adapter {
    private static final double NEAR = 0.01;

    private final Bottleneck method;
    private final ModelShape shape;
    private final List<Layer> layers = new ArrayList<>();
    private boolean plugged;

    BottleneckAdapters(Bottleneck method, Decoder decoder, long seed) {
        this.method = method;
        this.shape = decoder.shape();
        for (int layer = 0; layer < decoder.blocks().size(); layer++) {
            for (var place : Bottleneck.Place.values()) {
                if (method.places().contains(place)) {
                    layers.add(layer(decoder.device(), layer, decoder.blocks().get(layer), place,
                            decoder.shape().width(), seed));
                }
            }
        }
        decoder.freeze();
        plug();
    }

    private Layer layer(Device device, int number, Block block, Bottleneck.Place place, int width, long seed) {
        var name = "h." + number + switch (place) {
            case ATTENTION -> ".attention_adapters";
            case MLP -> ".output_adapters";
        };
        var socket = switch (place) {
            case ATTENTION -> block.afterAttention();
            case MLP -> block.afterMlp();
        };
        int inner = method.bottleneck();
        return new Layer(method, socket, dense(device, name + ".adapter_down.0", width, inner, false, seed),
                dense(device, name + ".adapter_up", inner, width, method.init() == Bottleneck.Init.IDENTITY, seed));
    }

    private Dense dense(Device device, String name, int in, int out, boolean zero, long seed) {
        var key = RandomKey.named(seed, name + ".weight");
        var shape = Shape.of(out, in);
        var weight = zero ? Initialisation.zeros(device, shape) : switch (method.init()) {
            case NEAR_IDENTITY -> Initialisation.normal(device, shape, NEAR, key);
            case IDENTITY -> Initialisation.uniform(device, shape, 1 / Math.sqrt(in), key);
        };
        return new Dense(name, weight, method.biases() ? Initialisation.zeros(device, Shape.of(out)) : null);
    }

    /** One adapter at one sublayer. */
    private record Layer(Bottleneck method, Sublayer socket, Dense down, Dense up) implements Sublayer.Adapter {
        @Override
        public Tensor output(Tensor output, Tensor input, Pass pass) {
            var inner = down.forward(method.reads(output, input)).map(method.activation()); // [tokens, bottleneck]
            var change = up.forward(inner);
            return output.plus(method.scaling() == 1 ? change : change.times(method.scaling()));
        }
    }

    @Override
    public Bottleneck method() {
        return method;
    }

    @Override
    public Map<String, Tensor> parameters() {
        var parameters = new LinkedHashMap<String, Tensor>();
        for (var layer : layers) {
            layer.down.addTo(parameters);
            layer.up.addTo(parameters);
        }
        return parameters;
    }

    /** Of the decoder at whose sublayers these are. */
    ModelShape shape() {
        return shape;
    }

    @Override
    public void plug() {
        if (!plugged) {
            layers.forEach(layer -> layer.socket.plug(layer));
            plugged = true;
        }
    }

    @Override
    public void unplug() {
        if (plugged) {
            layers.forEach(layer -> layer.socket.unplug(layer));
            plugged = false;
        }
    }

    @Override
    public void detach() {
        unplug();
        parameters().values().forEach(Tensor::free);
    }
}
