package lorikeet.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Whatever is in a file, it is opened and its tensors lie within it, or it is refused with one line. */
class SafetensorsFuzzTest {
    private static final String[] PIECES = {"{", "}", "[", "]", ",", ":", "\"", "\\", "-", "e9", ".", "0", "9", "null",
        "\"dtype\"", "\"F64\"", "\"shape\"", "\"data_offsets\"", "__metadata__", "18446744073709551615",
        "9223372036854775807", "\\u0000", "\\n", "\u00e9", " ", "[".repeat(2000), "{\"a\":".repeat(2000)};

    @TempDir
    private Path folder;

    @Test
    @Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void someThousand() throws IOException {
        read(4_000);
    }

    @Tag("long")
    @Test
    @Timeout(value = 1, unit = TimeUnit.HOURS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void aHundredThousand() throws IOException {
        System.out.println("inputs    safetensors: " + read(100_000));
    }

    private String read(int files) throws IOException {
        var sound = sound();
        var random = new Random(1);
        int read = 0;
        for (int i = 0; i < files; i++) {
            var bytes = switch (random.nextInt(5)) {
                case 0 -> Arrays.copyOf(sound, random.nextInt(sound.length + 20));
                case 1, 2 -> changedBytes(sound, random);
                default -> changedHeader(sound, random);
            };
            try {
                read += isRead(bytes) ? 1 : 0;
            } catch (RuntimeException | Error e) {
                throw new AssertionError("file " + i + ": " + HexFormat.of().formatHex(bytes), e);
            }
        }
        assertThat(read).isBetween(1, files - 1); // some changes are harmless, some are not
        return "%,d, of which %,d were read and the others refused with a line".formatted(files, read);
    }

    private byte[] sound() throws IOException {
        var path = folder.resolve("sound.safetensors");
        SafetensorsWriter.write(path, Map.of("format", "pt"),
                List.of(SafetensorsWriter.Source.of("a", Shape.of(2, 3), new float[6]),
                        SafetensorsWriter.Source.of("b", Shape.of(), new long[1]),
                        SafetensorsWriter.Source.of("c", Shape.of(0, 5), new float[0])));
        return Files.readAllBytes(path);
    }

    private static byte[] changedBytes(byte[] sound, Random random) {
        var bytes = sound.clone();
        for (int change = random.nextInt(1, 4); change > 0; change--) {
            bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
        }
        return bytes;
    }

    /** Pieces put into the header, whose length in front of it stays right. */
    private static byte[] changedHeader(byte[] sound, Random random) {
        int length = (int) ByteBuffer.wrap(sound).order(ByteOrder.LITTLE_ENDIAN).getLong();
        var header = new StringBuilder(new String(sound, 8, length, StandardCharsets.UTF_8));
        for (int change = random.nextInt(1, 4); change > 0; change--) {
            int from = random.nextInt(header.length());
            int to = Math.min(header.length(), from + random.nextInt(4));
            header.replace(from, to, PIECES[random.nextInt(PIECES.length)]);
        }
        var text = header.toString().getBytes(StandardCharsets.UTF_8);
        var bytes = ByteBuffer.allocate(8 + text.length + sound.length - 8 - length).order(ByteOrder.LITTLE_ENDIAN);
        return bytes.putLong(text.length).put(text).put(sound, 8 + length, sound.length - 8 - length).array();
    }

    private boolean isRead(byte[] bytes) throws IOException {
        var path = Files.write(folder.resolve("fuzzed.safetensors"), bytes);
        try (var file = SafetensorsFile.open(path)) {
            long total = 0;
            for (var tensor : file.tensors()) {
                total += file.data(tensor.name()).byteSize();
                if (tensor.dtype() != SafetensorsType.U64 && !tensor.dtype().name().startsWith("F8")) {
                    assertThat(file.doubles(tensor.name())).hasSize((int) tensor.elements());
                }
            }
            assertThat(total).isLessThanOrEqualTo(bytes.length - 8);
            return true;
        } catch (SafetensorsException refused) {
            assertThat(refused).hasMessageStartingWith(path + ": ").hasMessageNotContaining("\n");
            return false;
        }
    }
}
