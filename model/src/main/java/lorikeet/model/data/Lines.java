package lorikeet.model.data;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/** Reads a UTF-8 text line by line, and refuses bytes that are no UTF-8 and lines that are no lines. */
final class Lines {
    /** Longer than any line of training data: what has no line feed for so long is some other kind of file. */
    static final int LONGEST = 16 << 20;

    private final InputStream in;
    private int number;

    Lines(InputStream in) {
        this.in = in;
    }

    /** The number of the line read last, counted from 1. */
    int number() {
        return number;
    }

    /** The next line, without its end; null after the last. */
    String next() throws IOException {
        var bytes = new ByteArrayOutputStream();
        int b = in.read();
        if (b < 0) {
            return null;
        }
        number++;
        for (; b >= 0 && b != '\n'; b = in.read()) {
            if (bytes.size() == LONGEST) {
                throw new IOException("the line is longer than " + (LONGEST >> 20) + " MiB");
            }
            bytes.write(b);
        }
        try {
            var line = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes.toByteArray())).toString();
            return number == 1 && line.startsWith("\uFEFF") ? line.substring(1) : line; // some editors mark UTF-8 so
        } catch (CharacterCodingException e) {
            throw new IOException("not UTF-8 text", e);
        }
    }
}
