package lorikeet.peft;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import lorikeet.engine.AdamWOptimizer;
import lorikeet.engine.Printable;
import lorikeet.engine.SafetensorsException;
import lorikeet.engine.SafetensorsFile;
import lorikeet.engine.SafetensorsType;
import lorikeet.engine.SafetensorsWriter;
import lorikeet.engine.Tensor;
import lorikeet.engine.TensorInfo;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The newest moments of a training run, in a folder, from which a run that was cut short goes on as if it had not been, to
 * the same bits. Random numbers and the order of examples depend on the seed and the step alone, so little must be kept:
 * the trainable parameters, AdamW's running averages and a few counts, in one safetensors file a moment.
 *
 * @param folder of the files
 * @param run    what the run is, by the names that people know it by: options, and digests of base and data. A run that is
 *               another cannot go on from here
 */
public record Checkpoints(Path folder, Map<String, String> run) {
    /** Should the newest be unreadable, there is one more. */
    private static final int KEPT = 2;
    private static final Logger LOG = LoggerFactory.getLogger(Checkpoints.class);
    private static final String RUN = "run.";
    private static final String STEP = "step", UPDATES = "updates", METRICS = "metrics_bytes";

    /**
     * How far a run has come.
     *
     * @param step         steps taken
     * @param metricsBytes length of its file of metrics
     */
    public record Moment(int step, long metricsBytes) {
        public static final Moment START = new Moment(0, 0);
    }

    /** Writes a moment, and removes the oldest when there are enough. */
    public void save(Moment moment, Adapter adapter, AdamWOptimizer optimizer) throws IOException {
        var counts = new LinkedHashMap<String, String>();
        counts.put(STEP, Integer.toString(moment.step));
        counts.put(UPDATES, Integer.toString(optimizer.steps()));
        counts.put(METRICS, Long.toString(moment.metricsBytes));
        run.forEach((name, value) -> counts.put(RUN + name, value));
        var tensors = new ArrayList<SafetensorsWriter.Source>();
        kept(adapter, optimizer).forEach((name, tensor) -> tensors.add(
                new SafetensorsWriter.Source(new TensorInfo(name, SafetensorsType.F32, tensor.shape()),
                        () -> MemorySegment.ofArray(tensor.toArray()))));
        Files.createDirectories(folder);
        SafetensorsWriter.write(folder.resolve("step-%06d.safetensors".formatted(moment.step)), counts, tensors);
        for (var old : files().stream().skip(KEPT).toList()) {
            Files.deleteIfExists(old);
        }
    }

    /**
     * Brings adapter and optimizer back to the newest moment.
     *
     * @return the moment; {@link Moment#START} if none was saved yet
     * @throws IOException if a file cannot be read, or belongs to another run: the message names what differs
     */
    public Moment restore(Adapter adapter, AdamWOptimizer optimizer) throws IOException {
        removeHalfWritten();
        for (var path : files()) {
            try (var file = SafetensorsFile.open(path)) {
                requireSameRun(file);
                return restore(file, adapter, optimizer);
            } catch (SafetensorsException e) {
                LOG.warn("{}; going back to the one before", Printable.line(e.getMessage()));
            }
        }
        return Moment.START;
    }

    private static Moment restore(SafetensorsFile file, Adapter adapter, AdamWOptimizer optimizer) throws IOException {
        for (var entry : kept(adapter, optimizer).entrySet()) {
            var name = entry.getKey();
            var tensor = entry.getValue();
            if (!file.contains(name) || !file.info(name).engineShape().equals(tensor.shape())) {
                throw new IOException(file.path() + ": expected a tensor " + name + " of shape " + tensor.shape());
            }
            tensor.device().upload(tensor.data(), file.floats(name));
        }
        optimizer.countFrom(Math.toIntExact(count(file, UPDATES)));
        return new Moment(Math.toIntExact(count(file, STEP)), count(file, METRICS));
    }

    /** Removes the moments of an earlier run. */
    public void clear() throws IOException {
        removeHalfWritten();
        for (var old : files()) {
            Files.deleteIfExists(old);
        }
    }

    /** Removes what a killed process was writing. */
    private void removeHalfWritten() throws IOException {
        if (Files.isDirectory(folder)) {
            try (var halves = Files.newDirectoryStream(folder, "*.partial")) {
                for (var half : halves) {
                    if (Files.isRegularFile(half, LinkOption.NOFOLLOW_LINKS)) {
                        Files.deleteIfExists(half);
                    }
                }
            }
        }
    }

    /** Where to go on from, to be appended to what went wrong; empty where there is no checkpoint yet. */
    public String whereToGoOn() throws IOException {
        var files = files();
        return files.isEmpty() ? "" : "; --resume goes on from the last checkpoint, " + files.getFirst();
    }

    /** Newest first. */
    private List<Path> files() throws IOException {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (var files = Files.list(folder)) {
            return files.filter(file -> file.getFileName().toString().matches("step-\\d{6,}\\.safetensors"))
                    .sorted(Comparator.comparing((Path file) -> file.toString().length())
                            .thenComparing(Path::toString).reversed())
                    .toList();
        }
    }

    private void requireSameRun(SafetensorsFile file) throws IOException {
        for (var entry : run.entrySet()) {
            var before = file.metadata().get(RUN + entry.getKey());
            if (!entry.getValue().equals(before)) {
                throw new IOException(file.path() + ": the run differs: " + entry.getKey() + " was "
                        + (before == null ? "not there" : before) + ", now " + entry.getValue());
            }
        }
    }

    private static long count(SafetensorsFile file, String name) throws IOException {
        try {
            return Long.parseLong(file.metadata().get(name));
        } catch (NumberFormatException e) {
            throw new IOException(file.path() + ": expected a number in the header's " + name, e);
        }
    }

    /** All that changes while training. */
    private static Map<String, Tensor> kept(Adapter adapter, AdamWOptimizer optimizer) {
        var kept = new LinkedHashMap<String, Tensor>();
        adapter.parameters().forEach((name, parameter) -> {
            var averages = optimizer.averages(parameter);
            kept.put("parameter." + name, parameter);
            kept.put("gradient_average." + name, averages.gradient());
            kept.put("square_average." + name, averages.square());
        });
        return kept;
    }
}
