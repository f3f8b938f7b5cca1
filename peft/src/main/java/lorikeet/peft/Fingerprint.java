package lorikeet.peft;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import lorikeet.model.data.Example;

/** Digests (SHA-256, the first 16 of its digits) by which one tells whether files and data are still the same. */
public final class Fingerprint {
    private static final int DIGITS = 16;
    private static final int CHUNK = 1 << 20;

    private Fingerprint() {}

    /** Of the content of files, in this order; those that do not exist count as empty. */
    public static String of(List<Path> files) throws IOException {
        var digest = digest();
        var chunk = ByteBuffer.allocate(CHUNK);
        for (var file : files) {
            if (Files.exists(file)) {
                try (var channel = FileChannel.open(file)) {
                    while (channel.read(chunk.clear()) >= 0) {
                        digest.update(chunk.flip());
                    }
                }
            }
        }
        return text(digest);
    }

    /** Of the tokens and labels of examples, in this order. */
    public static String ofExamples(List<Example> examples) {
        var digest = digest();
        for (var example : examples) {
            var numbers = ByteBuffer.allocate(4 * (1 + 2 * example.length())).putInt(example.length());
            numbers.asIntBuffer().put(example.ids()).put(example.labels());
            digest.update(numbers.array());
        }
        return text(digest);
    }

    private static MessageDigest digest() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java has SHA-256", e);
        }
    }

    private static String text(MessageDigest digest) {
        return HexFormat.of().formatHex(digest.digest()).substring(0, DIGITS);
    }
}
