package lorikeet.bench;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import lorikeet.engine.AtomicFile;

/**
 * A Markdown file in which each measurement owns what stands between its two marks. The rest is written by hand and stays as
 * it is.
 */
record Document(Path file) {

    /** Puts {@code content} between the marks of {@code what}; where there are none, at the end. */
    void put(String what, String content) throws IOException {
        var text = Files.exists(file) ? Files.readString(file) : "# Benchmarks\n";
        var bytes = replace(text, what, content).getBytes(StandardCharsets.UTF_8);
        AtomicFile.write(file, channel -> channel.write(ByteBuffer.wrap(bytes)));
    }

    static String replace(String text, String what, String content) {
        var start = "<!-- " + what + " -->\n";
        var end = "<!-- end of " + what + " -->\n";
        int from = text.indexOf(start);
        if (from < 0) {
            return text + "\n## " + Character.toUpperCase(what.charAt(0)) + what.substring(1) + "\n\n" + start + content
                    + end;
        }
        int to = text.indexOf(end, from);
        if (to < 0) {
            throw new IllegalArgumentException("there is no \"" + end.strip() + "\" after \"" + start.strip() + "\"");
        }
        return text.substring(0, from + start.length()) + content + text.substring(to);
    }
}
