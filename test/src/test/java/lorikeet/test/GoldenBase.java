package lorikeet.test;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import lorikeet.kernels.DType;
import lorikeet.kernels.Device;
import lorikeet.model.Decoder;
import lorikeet.model.Dropouts;
import lorikeet.model.ModelFolder;
import lorikeet.model.data.Batch;
import lorikeet.model.data.Example;
import lorikeet.test.reference.Golden;

/** The small base of the golden values and its batch, as the engine knows them: a real model that loads in no time. */
final class GoldenBase {
    static final Path FOLDER = Golden.FOLDER.resolve("base");

    private GoldenBase() {}

    static Decoder load(Device device) throws IOException {
        return ModelFolder.open(FOLDER).load(device, DType.F32, Dropouts.NONE);
    }

    /** The three sequences of the golden batch without their padding: 24, fewer, and 24 tokens. */
    static List<Example> examples() throws IOException {
        var padded = Golden.batch();
        return IntStream.range(0, padded.sequences()).mapToObj(s -> {
            int length = Arrays.stream(padded.mask()[s]).sum();
            return new Example(Arrays.copyOf(padded.ids()[s], length), Arrays.copyOf(padded.labels()[s], length));
        }).toList();
    }

    static Batch batch() throws IOException {
        return Batch.of(examples());
    }
}
