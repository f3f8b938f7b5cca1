package lorikeet.engine;

import java.io.IOException;
import java.nio.file.Path;

/** A file is not the safetensors file that it should be; the message is one line with file, tensor and expectation. */
public final class SafetensorsException extends IOException {
    private static final long serialVersionUID = 1;

    SafetensorsException(Path file, String problem) {
        super(file + ": " + Printable.line(problem));
    }
}
