package lorikeet.peft;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Map;
import lorikeet.engine.SafetensorsFile;
import lorikeet.engine.SafetensorsWriter;
import lorikeet.engine.Shape;
import lorikeet.model.Decoder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The weights of the methods in the sequence, as Hugging Face PEFT has them: a single tensor, the vectors of the virtual
 * tokens. A network that makes them is not part of that file, so that training can go on only from ours: it lies in a file
 * of its own beside it, which PEFT ignores.
 */
final class PromptLearningFolder {
    private static final Logger LOG = LoggerFactory.getLogger(PromptLearningFolder.class);
    static final String VECTORS = "prompt_embeddings";
    static final String NETWORK = "reparametrisation.safetensors";
    /** A network makes other numbers on another device, but not by more than this share of the largest. */
    private static final float ROUNDING = 1e-2f;

    private PromptLearningFolder() {}

    /**
     * @param vectors the file with the vectors; the network, if there is one, lies beside it
     * @throws IOException if a tensor is missing, does not belong there or has another shape; nothing is attached then
     */
    static VirtualTokens attach(PromptLearning method, Path vectors, Decoder decoder) throws IOException {
        var values = read(vectors, Shape.of(method.virtualTokens(), method.columns(decoder.shape())));
        var network = vectors.resolveSibling(NETWORK);
        if (!method.reparametrised() || !Files.exists(network)) {
            return method.attach(decoder, values);
        }
        var adapter = method.attach(decoder, 0);
        try (var file = SafetensorsFile.open(network)) {
            AdapterFolder.read(file, adapter);
            if (same(values, adapter.vectors())) {
                return adapter;
            }
        } catch (IOException | RuntimeException e) {
            adapter.detach();
            throw e;
        }
        adapter.detach();
        LOG.warn("{}: does not make the vectors in {}; it is left aside", network, vectors.getFileName());
        return method.attach(decoder, values);
    }

    private static float[] read(Path path, Shape shape) throws IOException {
        try (var file = SafetensorsFile.open(path)) {
            for (var info : file.tensors()) {
                if (!info.name().equals(VECTORS)) {
                    throw new IOException(path + ": tensor " + info.name() + " has no place in this adapter, only "
                            + VECTORS + " has");
                }
                if (!info.engineShape().equals(shape)) {
                    throw new IOException(path + ": tensor " + VECTORS + " has shape " + info.shape() + ", expected "
                            + shape);
                }
            }
            if (file.tensors().isEmpty()) {
                throw new IOException(path + ": tensor " + VECTORS + " is missing");
            }
            return file.floats(VECTORS);
        }
    }

    private static boolean same(float[] expected, float[] actual) {
        float largest = 0;
        for (float value : expected) {
            largest = Math.max(largest, Math.abs(value));
        }
        for (int i = 0; i < expected.length; i++) {
            if (!(Math.abs(actual[i] - expected[i]) <= ROUNDING * largest)) {
                return false;
            }
        }
        return true;
    }

    /** Writes the network that makes the vectors, and answers its file. */
    static Path writeNetwork(VirtualTokens adapter, Path folder) throws IOException {
        var network = folder.resolve(NETWORK);
        var tensors = new ArrayList<SafetensorsWriter.Source>();
        adapter.parameters().forEach(
                (name, tensor) -> tensors.add(SafetensorsWriter.Source.of(name, tensor.shape(), tensor.toArray())));
        SafetensorsWriter.write(network, Map.of("format", "pt"), tensors);
        return network;
    }
}
