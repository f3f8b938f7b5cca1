package lorikeet.peft.comparison;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.zip.CRC32;
import lorikeet.engine.AtomicFile;

/** The finished trials of a comparison, one JSON file each, so that one that was interrupted can be gone on with. */
public final class TrialFolder {
    private static final JsonMapper JSON = new JsonMapper();

    private final Path folder;
    private final Map<Trial.Setup, Trial> trials = new HashMap<>();

    private TrialFolder(Path folder) {
        this.folder = folder;
    }

    /** Reads what trials there are, if any. */
    public static TrialFolder open(Path folder) throws IOException {
        var trials = new TrialFolder(folder);
        if (Files.exists(folder)) {
            try (var files = Files.newDirectoryStream(folder, "*.json")) {
                for (var file : files) {
                    var trial = read(file);
                    trials.trials.put(trial.setup(), trial);
                }
            }
        }
        return trials;
    }

    private static Trial read(Path file) throws IOException {
        try {
            return JSON.readValue(file.toFile(), Trial.class);
        } catch (JsonProcessingException e) {
            throw new IOException(file + ": expected a trial as compare writes it", e);
        }
    }

    /** The trial of this setup, or null if there is none yet. */
    public Trial find(Trial.Setup setup) {
        return trials.get(setup);
    }

    /** Keeps a trial, in memory and as a file. */
    public void add(Trial trial) throws IOException {
        Files.createDirectories(folder);
        var json = JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(trial);
        AtomicFile.write(folder.resolve(name(trial.setup())), channel -> channel.write(ByteBuffer.wrap(json)));
        trials.put(trial.setup(), trial);
    }

    /** Says what it is and, by a checksum, differs for different setups. */
    private static String name(Trial.Setup setup) throws IOException {
        var checksum = new CRC32();
        checksum.update(JSON.writeValueAsBytes(setup));
        var words = "%s-%s-seed-%d".formatted(setup.method(), setup.data(), setup.seed());
        return "%.80s-%08x.json".formatted(words.replaceAll("[^A-Za-z0-9.=_-]+", "-"), checksum.getValue());
    }
}
