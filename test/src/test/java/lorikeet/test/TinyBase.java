package lorikeet.test;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;
import lorikeet.engine.Shape;
import lorikeet.engine.Tensor;
import lorikeet.kernels.DType;
import lorikeet.kernels.Device;
import lorikeet.kernels.Purpose;
import lorikeet.kernels.Unary;
import lorikeet.model.Decoder;
import lorikeet.model.Dropouts;
import lorikeet.model.ModelConfig;
import lorikeet.model.ModelShape;
import lorikeet.model.data.Batch;
import lorikeet.model.data.Example;
import lorikeet.test.reference.Activation;
import lorikeet.test.reference.GptConfig;

/** Decoders of the reference cases, far smaller than the golden base, as the engine knows them. */
final class TinyBase {
    private TinyBase() {}

    /** @param parameters by the names of the reference */
    static Decoder load(Device device, GptConfig config, Map<String, double[]> parameters) {
        return load(device, config, parameters, DType.F32);
    }

    /** @param matrices how they are stored */
    static Decoder load(Device device, GptConfig config, Map<String, double[]> parameters, DType matrices) {
        var tensors = new LinkedHashMap<String, Tensor>();
        parameters.forEach((name, values) -> {
            var tensor = Tensor.parameter(device, shapeOf(name, values.length, config), floats(values));
            tensors.put(plainName(name), tensor.shape().rank() == 2 && matrices != DType.F32
                    ? stored(tensor, matrices)
                    : tensor);
        });
        return new Decoder(device, shape(config), Dropouts.NONE, tensors, (name, tensor) -> device
                .upload(tensor.data(), floats(parameters.get(referenceName(name)))));
    }

    private static Tensor stored(Tensor wide, DType dtype) {
        var narrow = Tensor.allocate(wide.device(), wide.shape(), dtype, Purpose.WEIGHTS);
        wide.device().copy(narrow.data(), wide.data());
        wide.free();
        return narrow;
    }

    static ModelShape shape(GptConfig config) {
        return new ModelShape(config.vocabulary(), config.positions(), config.width(), config.layers(), config.heads(),
                config.heads(), config.inner(), activation(config.activation()), false, ModelShape.Norm.LAYER_NORM,
                (float) config.epsilon(), ModelShape.Positions.LEARNED, true, config.tiedHead(),
                config.scaleByHeadSize(), config.scaleByLayer());
    }

    static Unary activation(Activation activation) {
        return ModelConfig.activation(activation.name().toLowerCase(Locale.ROOT));
    }

    private static Shape shapeOf(String name, int size, GptConfig config) {
        if (name.endsWith(".bias") || name.contains("ln_")) {
            return Shape.of(size);
        }
        int rows = name.startsWith("transformer.w") || name.startsWith("lm_head")
                ? size / config.width()
                : name.endsWith("mlp.c_proj.weight") ? config.inner() : config.width();
        return Shape.of(rows, size / rows);
    }

    /** The reference's batch without its padding. */
    static Batch batch(lorikeet.test.reference.Batch padded) {
        return Batch.of(examples(padded));
    }

    static List<Example> examples(lorikeet.test.reference.Batch padded) {
        return IntStream.range(0, padded.sequences()).mapToObj(s -> {
            int length = Arrays.stream(padded.mask()[s]).sum();
            return new Example(Arrays.copyOf(padded.ids()[s], length), Arrays.copyOf(padded.labels()[s], length));
        }).toList();
    }

    /** What the reference calls a parameter of the decoder or of an adapter. */
    static String referenceName(String name) {
        var inner = name.replace(".base_layer.", ".");
        return inner.matches("(h\\.|wte\\.|wpe\\.|ln_f\\.).*") ? "transformer." + inner : inner;
    }

    private static String plainName(String name) {
        return name.replaceFirst("^transformer\\.", "");
    }

    static float[] floats(double[] values) {
        var narrow = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            narrow[i] = (float) values[i];
        }
        return narrow;
    }

    static double[] doubles(float[] values) {
        return IntStream.range(0, values.length).mapToDouble(i -> values[i]).toArray();
    }
}
