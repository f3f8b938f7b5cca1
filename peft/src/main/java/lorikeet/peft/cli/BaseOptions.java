package lorikeet.peft.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import lorikeet.kernels.DType;
import lorikeet.kernels.Device;
import lorikeet.kernels.Precision;
import lorikeet.model.BundledBase;
import lorikeet.model.Decoder;
import lorikeet.model.Dropouts;
import lorikeet.model.ModelFolder;
import lorikeet.model.text.Tokenizer;
import picocli.CommandLine.Option;

/** Which base model. */
final class BaseOptions {
    static final String BUNDLED = "bundled";

    @Option(names = "--base", defaultValue = BUNDLED, paramLabel = "bundled|DIR",
            description = "A folder with config.json, model.safetensors and tokenizer.json of the GPT-2 family. "
                    + "Default: ${DEFAULT-VALUE}, a small model of our own.")
    String base;

    ModelFolder folder() throws IOException {
        return folder(base);
    }

    /** The folder of the base called {@code base}. */
    static ModelFolder folder(String base) throws IOException {
        return ModelFolder.open(base.equals(BUNDLED) ? BundledBase.folder() : Path.of(base));
    }

    /** The base as its folder has it. */
    static Decoder load(ModelFolder folder, Device device, boolean trainsBase) throws IOException {
        return load(folder, device, trainsBase, folder.config().dropouts());
    }

    /**
     * @param trainsBase whether base weights will be trained, which needs them in 32 bits
     * @param dropouts   in training
     */
    static Decoder load(ModelFolder folder, Device device, boolean trainsBase, Dropouts dropouts) throws IOException {
        var matrices = device.precision() == Precision.BF16 && !trainsBase ? DType.BF16 : DType.F32;
        var decoder = folder.load(device, matrices, dropouts);
        if (!trainsBase) {
            decoder.freeze();
        }
        return decoder;
    }

    /** The tokens of a text that a method starts from. */
    static List<Integer> tokens(ModelFolder folder, String text) throws IOException {
        try (var tokenizer = tokenizer(folder)) {
            if (tokenizer == null) {
                throw new IOException(folder.path() + ": --init text: needs a tokenizer.json");
            }
            return Arrays.stream(tokenizer.encode(text)).boxed().toList();
        }
    }

    /** The base's tokenizer, or null if it has none. */
    static Tokenizer tokenizer(ModelFolder folder) throws IOException {
        return Files.exists(folder.tokenizer())
                ? Tokenizer.open(folder.tokenizer(), folder.config().endOfText())
                : null;
    }
}
