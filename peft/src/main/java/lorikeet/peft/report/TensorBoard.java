package lorikeet.peft.report;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.CRC32C;
import lorikeet.model.Evaluation;
import lorikeet.model.Training;

/**
 * A run's numbers in an event file, as TensorBoard reads them: records framed with checksums, each a protocol buffer.
 *
 * <pre>
 * record   length (8 bytes), checksum of the length, event, checksum of the event; little-endian
 * Event    1: wall time (double), 2: step (varint), and one of 3: file version, 5: Summary, 7: SessionLog
 * Summary  1: Value, repeated         Value  1: tag, 2: number (float)         SessionLog  1: status, 1 = start
 * </pre>
 *
 * By TensorFlow's record_writer.h, event.proto and summary.proto.
 */
public final class TensorBoard implements RunListener {
    private static final String NAME = "events.out.tfevents.%010d.lorikeet";
    private static final int VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5;

    private final Path file;
    private final FileChannel channel;

    /**
     * @param done steps already taken by an earlier run that is gone on with: what its files say of later ones no longer
     *             counts. Without any, files of earlier runs in the folder are removed
     */
    public TensorBoard(Path folder, int done) throws IOException {
        if (done == 0) {
            try (var earlier = Files.newDirectoryStream(folder, "events.out.tfevents.*.lorikeet")) {
                for (var old : earlier) {
                    Files.delete(old);
                }
            }
        }
        file = folder.resolve(NAME.formatted(System.currentTimeMillis() / 1000));
        channel =
                FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.APPEND);
        write(0, new Message().bytes(3, "brain.Event:2".getBytes(StandardCharsets.UTF_8)));
        if (done > 0) {
            write(done + 1, new Message().bytes(7, new Message().varint(1, 1).encoded()));
        }
    }

    @Override
    public void step(Training.Step step) {
        var numbers = new LinkedHashMap<String, Double>();
        numbers.put("train/loss", (double) step.loss());
        numbers.put("train/learning_rate", (double) step.rate());
        numbers.put("train/gradient_norm", (double) step.norm());
        numbers.put("train/tokens_per_second", step.tokens() / step.seconds());
        numbers.put("train/device_bytes_peak", (double) step.peakBytes());
        write(step.step(), numbers);
    }

    @Override
    public void evaluation(int step, Evaluation evaluation) {
        var numbers = new LinkedHashMap<String, Double>();
        numbers.put("held-out/loss", evaluation.loss());
        if (!Double.isNaN(evaluation.accuracy())) {
            numbers.put("held-out/accuracy", evaluation.accuracy());
        }
        write(step, numbers);
    }

    private void write(int step, Map<String, Double> numbers) {
        var summary = new Message();
        numbers.forEach((tag, number) -> summary.bytes(1, new Message()
                .bytes(1, tag.getBytes(StandardCharsets.UTF_8)).number(2, number.floatValue()).encoded()));
        try {
            write(step, new Message().bytes(5, summary.encoded()));
        } catch (IOException e) {
            throw new UncheckedIOException(new IOException(file + ": " + e.getMessage(), e));
        }
    }

    private void write(int step, Message content) throws IOException {
        var event = new Message().number(1, System.currentTimeMillis() / 1e3).varint(2, step).append(content).encoded();
        var record = littleEndian(16 + event.length).putLong(event.length);
        record.putInt(checksum(record.array(), 8)).put(event).putInt(checksum(event, event.length)).flip();
        while (record.hasRemaining()) {
            channel.write(record);
        }
    }

    /** CRC-32C, rotated and offset so that the checksum of data that holds checksums is sound. */
    private static int checksum(byte[] bytes, int length) {
        var checksum = new CRC32C();
        checksum.update(bytes, 0, length);
        return Integer.rotateRight((int) checksum.getValue(), 15) + 0xa282ead8;
    }

    private static ByteBuffer littleEndian(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }

    /** A protocol buffer that grows by one field at a time. */
    private static final class Message {
        private final ByteArrayOutputStream encoded = new ByteArrayOutputStream();

        private void key(int field, int type) {
            varint(field << 3 | type);
        }

        private void varint(long value) {
            for (; value > 0x7f; value >>>= 7) {
                encoded.write((int) value & 0x7f | 0x80);
            }
            encoded.write((int) value);
        }

        Message varint(int field, long value) {
            key(field, VARINT);
            varint(value);
            return this;
        }

        Message number(int field, double value) {
            key(field, FIXED64);
            encoded.writeBytes(littleEndian(8).putDouble(value).array());
            return this;
        }

        Message number(int field, float value) {
            key(field, FIXED32);
            encoded.writeBytes(littleEndian(4).putFloat(value).array());
            return this;
        }

        Message bytes(int field, byte[] value) {
            key(field, BYTES);
            varint(value.length);
            encoded.writeBytes(value);
            return this;
        }

        Message append(Message more) {
            encoded.writeBytes(more.encoded());
            return this;
        }

        byte[] encoded() {
            return encoded.toByteArray();
        }
    }
}
