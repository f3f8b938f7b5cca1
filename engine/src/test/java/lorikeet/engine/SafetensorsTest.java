package lorikeet.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SafetensorsTest {
    @TempDir
    Path folder;

    /** The golden files were written by the reference implementation. */
    @ParameterizedTest
    @ValueSource(strings = {"batch", "ia3-adapter", "prompt-params", "ptuning_mlp-grads"})
    void rewritesAFileOfTheReferenceByteForByte(String name) throws IOException {
        var original = Path.of("src/test/resources/golden", name + ".safetensors");
        var copy = folder.resolve("copy.safetensors");
        try (var file = SafetensorsFile.open(original)) {
            var sources = new ArrayList<SafetensorsWriter.Source>();
            for (var tensor : file.tensors()) {
                sources.add(new SafetensorsWriter.Source(tensor, () -> file.data(tensor.name())));
            }
            Collections.reverse(sources);
            SafetensorsWriter.write(copy, file.metadata(), sources);
        }
        assertThat(copy).hasSameBinaryContentAs(original);
        assertThat(folder).isDirectoryNotContaining("glob:**.partial");
    }

    @Test
    void ordersByKindThenByName() throws IOException {
        var path = folder.resolve("ordered.safetensors");
        var sources = new ArrayList<SafetensorsWriter.Source>();
        for (var dtype : SafetensorsType.values()) {
            for (var name : List.of("\uD83D\uDC26", "\uFF21", "b\u001f\"\\/\n\u007f")) {
                var info = new TensorInfo(dtype + name, dtype, List.of(2L, 0L));
                sources.add(new SafetensorsWriter.Source(info, () -> MemorySegment.NULL));
            }
        }
        SafetensorsWriter.write(path, Map.of("z", "1", "a", "é"), sources);

        var header = new StringBuilder("{\"__metadata__\":{\"a\":\"é\",\"z\":\"1\"}");
        for (var dtype : "U64 I64 F64 F32 U32 I32 BF16 F16 U16 I16 F8_E4M3 F8_E5M2 I8 U8 BOOL".split(" ")) {
            // By bytes of UTF-8, where U+1F426 comes after U+FF21; by Java's chars it would come before.
            for (var name : List.of("b\\u001f\\\"\\\\/\\n\u007f", "\uFF21", "\uD83D\uDC26")) {
                header.append(",\"").append(dtype).append(name).append("\":{\"dtype\":\"").append(dtype)
                        .append("\",\"shape\":[2,0],\"data_offsets\":[0,0]}");
            }
        }
        var expected = header.append('}').toString().getBytes(StandardCharsets.UTF_8);
        var written = Files.readAllBytes(path);
        assertThat(written.length % 8).isZero();
        assertThat(new String(written, 8, written.length - 8, StandardCharsets.UTF_8).stripTrailing())
                .isEqualTo(new String(expected, StandardCharsets.UTF_8));
        assertThat(ByteBuffer.wrap(written).order(ByteOrder.LITTLE_ENDIAN).getLong()).isEqualTo(written.length - 8);
        try (var file = SafetensorsFile.open(path)) {
            assertThat(file.tensors()).hasSize(45);
            assertThat(file.metadata()).isEqualTo(Map.of("z", "1", "a", "é"));
            assertThat(file.floats("F32\uD83D\uDC26")).isEmpty();
        }
    }

    @Test
    void writesAnEmptyFileAsTheReferenceDoes() throws IOException {
        var path = folder.resolve("empty.safetensors");
        SafetensorsWriter.write(path, Map.of(), List.of());
        assertThat(Files.readAllBytes(path)).isEqualTo(HexFormat.of().parseHex("08000000000000007b7d202020202020"));
        try (var file = SafetensorsFile.open(path)) {
            assertThat(file.tensors()).isEmpty();
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "F64  | 000000000000f8bf | -1.5",
        "F32  | 0000c0bf         | -1.5",
        "F16  | 00be             | -1.5",
        "F16  | 0100             | 5.9604644775390625e-8",
        "BF16 | c0bf             | -1.5",
        "I64  | feffffffffffffff | -2",
        "I32  | feffffff         | -2",
        "U32  | feffffff         | 4294967294",
        "I16  | feff             | -2",
        "U16  | feff             | 65534",
        "I8   | fe               | -2",
        "U8   | fe               | 254",
        "BOOL | 01               | 1"})
    void readsEveryKindOfNumber(SafetensorsType dtype, String hex, double value) throws IOException {
        var path = folder.resolve("numbers.safetensors");
        var bytes = HexFormat.of().parseHex(hex);
        var info = new TensorInfo("x", dtype, List.of());
        SafetensorsWriter.write(path, Map.of(),
                List.of(new SafetensorsWriter.Source(info, () -> MemorySegment.ofArray(bytes))));
        try (var file = SafetensorsFile.open(path)) {
            assertThat(file.info("x")).isEqualTo(info);
            assertThat(file.doubles("x")).containsExactly(value);
            assertThat(file.floats("x")).containsExactly((float) value);
            if (value == Math.rint(value)) {
                assertThat(file.longs("x")).containsExactly((long) value);
            } else {
                assertThatThrownBy(() -> file.longs("x")).isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("tensor 'x'");
            }
        }
    }

    /** The data begins behind a header of odd length, as early versions of the reference wrote it. */
    @Test
    void readsUnalignedNumbers() throws IOException {
        var path = file("{\"x\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]}} ".stripTrailing(),
                ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putDouble(2.5).array());
        try (var file = SafetensorsFile.open(path)) {
            assertThat(file.doubles("x")).containsExactly(2.5);
        }
    }

    @Test
    void mapsFilesOfMoreThanTwoGigabytes() throws IOException {
        long elements = (1L << 31) + 5;
        var header = """
                {"big":{"dtype":"U8","shape":[%1$d],"data_offsets":[0,%1$d]},\
                "last":{"dtype":"U8","shape":[1],"data_offsets":[%1$d,%2$d]}}""".formatted(elements, elements + 1);
        var path = file(header, new byte[0]);
        try (var sparse = new RandomAccessFile(path.toFile(), "rw")) {
            sparse.setLength(8 + header.length() + elements + 1);
            sparse.seek(sparse.length() - 1);
            sparse.write(7);
        }
        try (var file = SafetensorsFile.open(path)) {
            assertThat(file.longs("last")).containsExactly(7);
            assertThat(file.data("big").byteSize()).isEqualTo(elements);
            assertThat(file.data("big").get(ValueLayout.JAVA_BYTE, elements - 1)).isZero();
            assertThatThrownBy(() -> file.floats("big")).isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("tensor 'big'").hasMessageContaining("found " + elements);
        }
    }

    @Test
    void refusesToWriteWhatItCouldNotRead() throws IOException {
        var path = folder.resolve("kept.safetensors");
        SafetensorsWriter.write(path, Map.of(), List.of(SafetensorsWriter.Source.of("x", Shape.of(1), new long[] {1})));
        var before = Files.readAllBytes(path);
        var short3 = SafetensorsWriter.Source.of("y", Shape.of(3), new float[2]);
        assertThatThrownBy(() -> SafetensorsWriter.write(path, Map.of(), List.of(short3)))
                .hasMessageContaining("tensor 'y': expected 12 bytes for shape [3], found 8");
        var x = SafetensorsWriter.Source.of("x", Shape.of(1), new float[1]);
        assertThatThrownBy(() -> SafetensorsWriter.write(path, Map.of(), List.of(x, x)))
                .hasMessageContaining("tensor 'x': expected a name of its own");
        assertThat(Files.readAllBytes(path)).isEqualTo(before);
        assertThat(folder).isDirectoryNotContaining("glob:**.partial");
    }

    @Test
    void namesAMissingTensor() throws IOException {
        try (var file = SafetensorsFile.open(Path.of("src/test/resources/golden/batch.safetensors"))) {
            assertThat(file.contains("nobody")).isFalse();
            assertThatThrownBy(() -> file.floats("nobody")).isInstanceOf(IllegalArgumentException.class)
                    .hasMessage(file.path() + ": tensor 'nobody': expected in the file, but it is not there");
        }
    }

    /** Header (with ' for "), bytes of data, and what the message says behind the name of the file. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '~', value = {
        "xy | 0 | header: expected '{' as its first character, found 'x'",
        "[] | 0 | header: expected '{' as its first character, found '['",
        "{'x':{'dtype':'F32','shape':[1],'data_offsets':[0,4]}| 4 | header: expected sound JSON",
        "{}{} | 0 | header: expected nothing but spaces behind the JSON object, found START_OBJECT",
        "{'x':1} | 0 | tensor 'x': expected START_OBJECT, found VALUE_NUMBER_INT",
        "{'x':{'dtype':'F32','shape':[[1]],'data_offsets':[0,4]}} | 4 | tensor 'x': expected sound JSON",
        "{'x':{'dtype':'F31','shape':[1],'data_offsets':[0,4]}} | 4 | tensor 'x': expected a dtype of [BOOL, U8",
        "{'x':{'shape':[1],'data_offsets':[0,4]}} | 4 | tensor 'x': expected dtype, shape and data_offsets, found no dtype",
        "{'x':{'dtype':'F32','shape':[1],'data_offsets':[0,4],'k':0}} | 4 | tensor 'x': expected dtype, shape and data_offsets, found 'k'",
        "{'x':{'dtype':'F32','shape':[1],'shape':[1],'data_offsets':[0,4]}} | 4 | tensor 'x': expected shape once, found it twice",
        "{'x':{'dtype':'F32','shape':[1.0],'data_offsets':[0,4]}} | 4 | tensor 'x': expected VALUE_NUMBER_INT, found VALUE_NUMBER_FLOAT",
        "{'x':{'dtype':'F32','shape':[-1],'data_offsets':[0,4]}} | 4 | tensor 'x': expected whole numbers from 0 to 2^63 − 1, found -1",
        "{'x':{'dtype':'F32','shape':[9223372036854775808],'data_offsets':[0,4]}} | 4 | tensor 'x': expected whole numbers from 0 to 2^63 − 1, found 9223372036854775808",
        "{'x':{'dtype':'F32','shape':[4294967296,4294967296],'data_offsets':[0,0]}} | 0 | tensor 'x': expected lengths ≥ 0 and less than 2^63 bytes",
        "{'x':{'dtype':'F32','shape':[2],'data_offsets':[0,4]}} | 4 | tensor 'x': expected 8 bytes for shape [2] of F32, found 4 in data_offsets [0, 4]",
        "{'x':{'dtype':'F32','shape':[1],'data_offsets':[4,0]}} | 4 | tensor 'x': expected data_offsets [begin, end] with begin ≤ end, found [4, 0]",
        "{'x':{'dtype':'F32','shape':[1],'data_offsets':[0]}} | 4 | tensor 'x': expected data_offsets [begin, end] with begin ≤ end, found [0]",
        "{'x':{'dtype':'F32','shape':[1],'data_offsets':[4,8]}} | 8 | tensor 'x': expected to begin at byte 0, where the one before it ends, found 4",
        "{'a':{'dtype':'U8','shape':[4],'data_offsets':[0,4]},'x':{'dtype':'U8','shape':[4],'data_offsets':[3,7]}} | 7 | tensor 'x': expected to begin at byte 4, where the one before it ends, found 3",
        "{'x':{'dtype':'U8','shape':[4],'data_offsets':[0,4]},'x':{'dtype':'U8','shape':[4],'data_offsets':[4,8]}} | 8 | tensor 'x': expected each name once, found two tensors of this name",
        "{'x':{'dtype':'F32','shape':[1],'data_offsets':[0,4]}} | 5 | expected 4 bytes of tensors, found 5",
        "{'x':{'dtype':'F32','shape':[1],'data_offsets':[0,4]}} | 3 | expected 4 bytes of tensors, found 3",
        "{'__metadata__':{'a':1}} | 0 | __metadata__: expected VALUE_STRING, found VALUE_NUMBER_INT",
        "{'__metadata__':{'a':'1','a':'2'}} | 0 | __metadata__: expected each key once, found 'a' twice",
        "{'__metadata__':{},'__metadata__':{}} | 0 | header: expected __metadata__ once, found it twice",
        "{'\\udc00':{}} | 0 | header: expected sound JSON, found",
        "{'two\\nlines':1} | 0 | tensor 'two\\u000alines': expected START_OBJECT, found VALUE_NUMBER_INT"})
    void namesFileAndTensorOfAFault(String header, int dataBytes, String message) throws IOException {
        var path = file(header.replace('\'', '"'), new byte[dataBytes]);
        assertThatThrownBy(() -> SafetensorsFile.open(path)).isInstanceOf(SafetensorsException.class)
                .hasMessageStartingWith(path + ": " + message).hasMessageNotContaining("\n");
    }

    @Test
    void refusesHeadersThatDoNotFit() throws IOException {
        var path = folder.resolve("short.safetensors");
        Files.write(path, new byte[9]);
        assertThatThrownBy(() -> SafetensorsFile.open(path)).hasMessage(path + ": expected at least 10 bytes, found 9");
        for (var length : List.of("ffffffffffffffff", "0000000000000080", "0300000000000000", "0000000000000000")) {
            Files.write(path, HexFormat.of().parseHex(length + "7b7d"));
            assertThatThrownBy(() -> SafetensorsFile.open(path)).isInstanceOf(SafetensorsException.class)
                    .hasMessageStartingWith(path + ": expected a header of 2 to 2 bytes, found ");
        }
        for (var other : Map.of("PK\3\4\0\0\b\bdata", "PyTorch", "\200\2}q\0(X\0\0\0", "PyTorch",
                "version https://git-lfs.github.com/spec/v1\n", "git lfs pull").entrySet()) {
            Files.writeString(path, other.getKey(), StandardCharsets.ISO_8859_1);
            assertThatThrownBy(() -> SafetensorsFile.open(path)).hasMessageContainingAll(path.toString(),
                    other.getValue());
        }
        Files.write(path, HexFormat.of().parseHex("02000000000000007bff"));
        assertThatThrownBy(() -> SafetensorsFile.open(path)).hasMessage(path
                + ": expected a header in UTF-8, found other bytes");
    }

    private Path file(String header, byte[] data) throws IOException {
        var text = header.getBytes(StandardCharsets.UTF_8);
        var bytes = ByteBuffer.allocate(8 + text.length + data.length).order(ByteOrder.LITTLE_ENDIAN);
        return Files.write(folder.resolve("made.safetensors"), bytes.putLong(text.length).put(text).put(data).array());
    }
}
