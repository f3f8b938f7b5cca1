package lorikeet.peft.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import lorikeet.model.Evaluation;
import lorikeet.model.Training;

/** {@code metrics.jsonl}: one JSON object a line, one line a step or evaluation. What is not a finite number is null. */
final class Metrics implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final BufferedWriter writer;

    Metrics(Path file) throws IOException {
        writer = Files.newBufferedWriter(file);
    }

    void step(Training.Step step) {
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

    void evaluation(int step, Evaluation evaluation) {
        var line = new LinkedHashMap<String, Object>();
        line.put("step", step);
        line.put("eval_loss", finite(evaluation.loss()));
        line.put("eval_accuracy", finite(evaluation.accuracy()));
        write(line);
    }

    private static Object finite(double value) {
        return Double.isFinite(value) ? value : null;
    }

    private void write(Map<String, Object> line) {
        try {
            writer.write(JSON.writeValueAsString(line));
            writer.newLine();
            writer.flush();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() throws IOException {
        writer.close();
    }
}
