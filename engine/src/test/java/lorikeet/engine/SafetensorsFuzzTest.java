package lorikeet.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

/** Whatever is in a file, it is opened and its tensors lie within it, or it is refused with one line. */
class SafetensorsFuzzTest {
    private static final String[] PIECES = {"{", "}", "[", "]", ",", ":", "\"", "\\", "-", "e9", ".", "0", "9", "null",
        "\"dtype\"", "\"F64\"", "\"shape\"", "\"data_offsets\"", "__metadata__", "18446744073709551615",
        "9223372036854775807", "\\u0000", "\u00e9", " "};
    private static Path folder;
    private static byte[] sound;

    @BeforeContainer
    static void writeASoundFile() throws IOException {
        folder = Files.createTempDirectory("fuzz");
        var path = folder.resolve("sound.safetensors");
        SafetensorsWriter.write(path, Map.of("format", "pt"),
                List.of(SafetensorsWriter.Source.of("a", Shape.of(2, 3), new float[6]),
                        SafetensorsWriter.Source.of("b", Shape.of(), new long[1]),
                        SafetensorsWriter.Source.of("c", Shape.of(0, 5), new float[0])));
        sound = Files.readAllBytes(path);
    }

    @AfterContainer
    static void deleteFolder() throws IOException {
        try (var files = Files.list(folder)) {
            for (var file : files.toList()) {
                Files.delete(file);
            }
        }
        Files.delete(folder);
    }

    @Property(tries = 2000)
    void changedBytes(@ForAll long seed) throws IOException {
        var random = new Random(seed);
        var bytes = sound.clone();
        for (int change = random.nextInt(1, 4); change > 0; change--) {
            bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
        }
        open(bytes);
    }

    @Property(tries = 500)
    void cutOrLengthened(@ForAll long seed) throws IOException {
        open(Arrays.copyOf(sound, new Random(seed).nextInt(sound.length + 20)));
    }

    @Property(tries = 2000)
    void changedHeaderOfTheRightLength(@ForAll long seed) throws IOException {
        var random = new Random(seed);
        int length = (int) ByteBuffer.wrap(sound).order(ByteOrder.LITTLE_ENDIAN).getLong();
        var header = new StringBuilder(new String(sound, 8, length, StandardCharsets.UTF_8));
        for (int change = random.nextInt(1, 4); change > 0; change--) {
            int from = random.nextInt(header.length());
            int to = Math.min(header.length(), from + random.nextInt(4));
            header.replace(from, to, PIECES[random.nextInt(PIECES.length)]);
        }
        var text = header.toString().getBytes(StandardCharsets.UTF_8);
        var bytes = ByteBuffer.allocate(8 + text.length + sound.length - 8 - length).order(ByteOrder.LITTLE_ENDIAN);
        open(bytes.putLong(text.length).put(text).put(sound, 8 + length, sound.length - 8 - length).array());
    }

    private static void open(byte[] bytes) throws IOException {
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
        } catch (SafetensorsException refused) {
            assertThat(refused).hasMessageStartingWith(path + ": ").hasMessageNotContaining("\n");
        }
    }
}
