package lorikeet.engine;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Files that are read whole, which a stranger may have made of any size. */
public final class WholeFile {
    private WholeFile() {}

    /** @throws IOException if it has more than {@code most} bytes, of which no more are read */
    public static byte[] read(Path file, int most) throws IOException {
        try (var in = Files.newInputStream(file)) {
            var bytes = in.readNBytes(most + 1);
            if (bytes.length > most) {
                throw new IOException("%s: expected at most %,d bytes".formatted(file, most));
            }
            return bytes;
        }
    }
}
