package lorikeet.test;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import lorikeet.engine.SafetensorsFile;
import lorikeet.engine.SafetensorsWriter;
import lorikeet.test.reference.Golden;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class SafetensorsGoldenTest {
    static List<Path> files() throws IOException {
        try (var all = Files.walk(Golden.FOLDER)) {
            return all.filter(path -> path.toString().endsWith(".safetensors")).toList();
        }
    }

    @ParameterizedTest
    @MethodSource("files")
    void isWrittenAgainByteForByte(Path original, @TempDir Path folder) throws IOException {
        var copy = folder.resolve("copy.safetensors");
        try (var file = SafetensorsFile.open(original)) {
            SafetensorsWriter.write(copy, file.metadata(), file.tensors().stream()
                    .map(tensor -> new SafetensorsWriter.Source(tensor, () -> file.data(tensor.name()))).toList());
        }
        assertThat(copy).hasSameBinaryContentAs(original);
    }
}
