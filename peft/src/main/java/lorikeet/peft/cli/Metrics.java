package lorikeet.peft.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;
import lorikeet.model.Evaluation;
import lorikeet.model.Training;
import lorikeet.peft.report.RunListener;

/**
 * {@code metrics.jsonl}: one JSON object a line, one line a step or evaluation. What is not a finite number is null. While
 * it is open it belongs to one run: a second one in the same folder is turned away.
 */
final class Metrics implements RunListener {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path file;
    private final FileChannel channel;

    /** @throws IOException if another run is writing there */
    Metrics(Path file) throws IOException {
        this.file = file;
        channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.READ,
                StandardOpenOption.WRITE);
        try {
            if (!lock()) {
                throw new IOException(file + ": another run is writing there");
            }
        } catch (IOException e) {
            channel.close();
            throw e;
        }
    }

    /**
     * Forgets all but the file's start, which a run that is gone on with had written.
     *
     * @throws IOException if the file is shorter
     */
    void keep(long bytes) throws IOException {
        if (channel.size() < bytes) {
            throw new IOException(file + ": expected at least " + bytes + " bytes of the run that is gone on with");
        }
        channel.truncate(bytes).position(bytes);
    }

    private boolean lock() throws IOException {
        try {
            return channel.tryLock() != null;
        } catch (OverlappingFileLockException e) {
            return false; // the other run is in this process
        }
    }

    /** Bytes written so far, those kept included. */
    long length() throws IOException {
        return channel.position();
    }

    @Override
    public void step(Training.Step step) {
        var line = new LinkedHashMap<String, Object>();
        line.put("step", step.step());
        line.put("loss", finite(step.loss()));
        line.put("lr", finite(step.rate()));
        line.put("grad_norm", finite(step.norm()));
        line.put("tokens", step.tokens());
        line.put("seconds", finite(step.seconds()));
        line.put("tokens_per_second", finite(step.tokens() / step.seconds()));
        line.put("device_bytes_peak", step.peakBytes());
        write(line);
    }

    @Override
    public void evaluation(int step, Evaluation evaluation) {
        var line = new LinkedHashMap<String, Object>();
        line.put("step", step);
        line.put("eval_loss", finite(evaluation.loss()));
        line.put("eval_accuracy", finite(evaluation.accuracy()));
        write(line);
    }

    /** Tells a listener what has been written so far. */
    void replay(RunListener to) throws IOException {
        var text = ByteBuffer.allocate(Math.toIntExact(length()));
        while (text.hasRemaining()) {
            if (channel.read(text, text.position()) < 0) {
                throw new EOFException(file + ": expected " + text.capacity() + " bytes");
            }
        }
        for (var line : StandardCharsets.UTF_8.decode(text.flip()).toString().lines().toList()) {
            replay(line, to);
        }
    }

    private void replay(String line, RunListener to) throws IOException {
        try {
            var json = JSON.readTree(line);
            int step = json.path("step").asInt();
            if (json.has("loss")) {
                to.step(new Training.Step(step, (float) number(json, "loss"), (float) number(json, "lr"),
                        (float) number(json, "grad_norm"), json.hasNonNull("loss"), json.path("tokens").asInt(),
                        number(json, "seconds"), json.path("device_bytes_peak").asLong()));
            } else {
                to.evaluation(step, new Evaluation(0, number(json, "eval_loss"), number(json, "eval_accuracy"),
                        Double.NaN, Double.NaN, Double.NaN));
            }
        } catch (JsonProcessingException e) {
            throw new IOException(file + ": expected the metrics of the run that is gone on with", e);
        }
    }

    private static double number(JsonNode json, String name) {
        return json.path(name).isNumber() ? json.get(name).asDouble() : Double.NaN;
    }

    private static Object finite(double value) {
        return Double.isFinite(value) ? value : null;
    }

    private void write(Map<String, Object> line) {
        try {
            var bytes = ByteBuffer.wrap((JSON.writeValueAsString(line) + "\n").getBytes(StandardCharsets.UTF_8));
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(new IOException(file + ": " + e.getMessage(), e));
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
