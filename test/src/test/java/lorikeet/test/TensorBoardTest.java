package lorikeet.test;

import static lorikeet.test.CommandRun.done;
import static lorikeet.test.CommandRun.with;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Event files, read back by a decoder that shares nothing with what wrote them. */
class TensorBoardTest {
    private static final Map<String, String> NAMES = Map.of("train/loss", "loss", "train/learning_rate", "lr",
            "train/gradient_norm", "grad_norm", "train/tokens_per_second", "tokens_per_second",
            "train/device_bytes_peak", "device_bytes_peak", "held-out/loss", "eval_loss");

    @TempDir
    private Path folder;
    private Path out;
    private String[] command;

    @BeforeEach
    void prepare() throws IOException {
        var data = CommandRun.writeGoldenBatch(folder.resolve("batch.jsonl")).toString();
        out = folder.resolve("out");
        command = new String[] {"finetune", "--base", GoldenBase.FOLDER.toString(), "--data", data, "--eval-data", data,
            "--batch-size", "3", "--steps", "4", "--save-every", "2", "--eval-every", "2", "--quiet", "--tensorboard",
            "--out", out.toString()};
    }

    /** @param fields by number: Long, Integer (a float's bits), Double or byte[] */
    private record Message(Map<Integer, List<Object>> fields) {
        static Message parse(byte[] bytes) {
            var fields = new LinkedHashMap<Integer, List<Object>>();
            var in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
            while (in.hasRemaining()) {
                long key = varint(in);
                Object value = switch ((int) key & 7) {
                    case 0 -> varint(in);
                    case 1 -> in.getDouble();
                    case 2 -> {
                        var content = new byte[(int) varint(in)];
                        in.get(content);
                        yield content;
                    }
                    case 5 -> in.getFloat();
                    default -> throw new IllegalArgumentException("wire type " + (key & 7));
                };
                fields.computeIfAbsent((int) key >> 3, _ -> new ArrayList<>()).add(value);
            }
            return new Message(fields);
        }

        private static long varint(ByteBuffer in) {
            long value = 0;
            for (int shift = 0;; shift += 7) {
                byte next = in.get();
                value |= (next & 0x7fL) << shift;
                if (next >= 0) {
                    return value;
                }
            }
        }

        boolean has(int field) {
            return fields.containsKey(field);
        }

        Object first(int field) {
            return fields.get(field).getFirst();
        }

        Message message(int field) {
            return parse((byte[]) first(field));
        }

        String text(int field) {
            return new String((byte[]) first(field), StandardCharsets.UTF_8);
        }
    }

    private static List<Message> events(Path file) throws IOException {
        var in = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        var events = new ArrayList<Message>();
        while (in.hasRemaining()) {
            var length = new byte[8];
            in.get(length);
            assertThat(in.getInt()).isEqualTo(masked(crc32c(length)));
            var event = new byte[(int) ByteBuffer.wrap(length).order(ByteOrder.LITTLE_ENDIAN).getLong()];
            in.get(event);
            assertThat(in.getInt()).isEqualTo(masked(crc32c(event)));
            events.add(Message.parse(event));
        }
        return events;
    }

    /** Bit by bit, by the definition. */
    private static int crc32c(byte[] bytes) {
        int crc = ~0;
        for (byte b : bytes) {
            crc ^= b & 0xff;
            for (int bit = 0; bit < 8; bit++) {
                crc = crc >>> 1 ^ (crc & 1) * 0x82f63b78;
            }
        }
        return ~crc;
    }

    private static int masked(int crc) {
        return (crc >>> 15 | crc << 17) + 0xa282ead8;
    }

    @Test
    void theChecksumIsCastagnolis() {
        assertThat(crc32c("123456789".getBytes(StandardCharsets.US_ASCII))).isEqualTo(0xe3069283);
    }

    private List<Path> files() throws IOException {
        try (var all = Files.list(out)) {
            return all.filter(file -> file.getFileName().toString().contains("tfevents")).sorted().toList();
        }
    }

    @Test
    void allMetricsAreThereAndNothingElse() throws IOException {
        done(command);
        assertThat(files()).hasSize(1);
        var events = events(files().getFirst());
        assertThat(events.getFirst().text(3)).isEqualTo("brain.Event:2");
        var metrics = metrics();
        assertThat(events).hasSize(1 + metrics.size());
        double now = System.currentTimeMillis() / 1e3;
        for (int i = 0; i < metrics.size(); i++) {
            var event = events.get(i + 1);
            var line = metrics.get(i);
            assertThat((double) event.first(1)).isBetween(now - 600, now);
            assertThat(event.first(2)).isEqualTo(line.get("step").longValue());
            var values = event.message(5).fields.get(1).stream().map(value -> Message.parse((byte[]) value)).toList();
            assertThat(values).hasSize(line.has("loss") ? 5 : 1).allSatisfy(value -> assertThat(
                    (float) value.first(2)).isEqualTo(line.get(NAMES.get(value.text(1))).floatValue()));
        }
    }

    private List<JsonNode> metrics() throws IOException {
        var lines = new ArrayList<JsonNode>();
        for (var line : Files.readAllLines(out.resolve("metrics.jsonl"))) {
            lines.add(new JsonMapper().readTree(line));
        }
        return lines;
    }

    /** By its session log, TensorBoard drops what was written of later steps before. */
    @Test
    void aResumedRunSaysFromWhichStepOn() throws Exception {
        done(command);
        Files.move(files().getFirst(), out.resolve("events.out.tfevents.0000000001.lorikeet"));
        Files.delete(out.resolve("checkpoints/step-000004.safetensors"));
        done(with(command, "--resume"));
        assertThat(files()).hasSize(2);
        var start = events(files().getLast()).get(1);
        assertThat(start.first(2)).isEqualTo(3L);
        assertThat(start.message(7).first(1)).isEqualTo(1L);
        assertThat(start.has(5)).isFalse();

        done(with(command, "--force"));
        assertThat(files()).hasSize(1);
    }
}
