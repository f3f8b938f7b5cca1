package lorikeet.model.text;

import java.nio.charset.StandardCharsets;
import java.util.function.Consumer;
import java.util.regex.Pattern;

/**
 * GPT-2's byte-level view of text (Radford et al. 2019): a text is cut into pieces, and each byte of a piece's UTF-8
 * form is written as one visible character, so that a vocabulary of strings can hold any bytes.
 */
final class ByteLevel {
    /** GPT-2's pieces: English contractions; letters, digits or signs with one space before them; white space. */
    private static final Pattern PIECE = Pattern.compile(
            "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
            Pattern.UNICODE_CHARACTER_CLASS);

    /** The character of each byte: itself where it is visible in Latin-1, else the next free one from U+0100 on. */
    private static final char[] CHARACTER = new char[256];
    /** The bytes in GPT-2's order: those that stand for themselves first. */
    private static final int[] ORDER = new int[256];

    static {
        int n = 0;
        for (int b = 0; b < 256; b++) {
            if (isVisible(b)) {
                CHARACTER[b] = (char) b;
                ORDER[n++] = b;
            }
        }
        for (int b = 0, next = 256; b < 256; b++) {
            if (!isVisible(b)) {
                CHARACTER[b] = (char) next++;
                ORDER[n++] = b;
            }
        }
    }

    private ByteLevel() {}

    private static boolean isVisible(int b) {
        return b >= '!' && b <= '~' || b >= 0xA1 && b != 0xAD;
    }

    /** The 256 characters in GPT-2's order, which are the first 256 tokens of its vocabulary. */
    static char[] alphabet() {
        var alphabet = new char[256];
        for (int i = 0; i < 256; i++) {
            alphabet[i] = CHARACTER[ORDER[i]];
        }
        return alphabet;
    }

    /** Hands over the pieces of a text in order, each in the byte alphabet. */
    static void pieces(String text, Consumer<String> consumer) {
        var matcher = PIECE.matcher(text);
        while (matcher.find()) {
            var bytes = matcher.group().getBytes(StandardCharsets.UTF_8);
            var characters = new char[bytes.length];
            for (int i = 0; i < bytes.length; i++) {
                characters[i] = CHARACTER[bytes[i] & 0xFF];
            }
            consumer.accept(new String(characters));
        }
    }
}
