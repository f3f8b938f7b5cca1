package lorikeet.test;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import lorikeet.engine.SafetensorsFile;

/** What a run of finetune has left in its folder. */
record RunFolder(Path path) {
    private static final List<String> COMPARED =
            List.of("step", "loss", "lr", "grad_norm", "tokens", "eval_loss", "eval_accuracy");

    /** The lines of its metrics, without the time that things took. */
    List<String> metrics() throws IOException {
        var lines = new ArrayList<String>();
        for (var line : Files.readAllLines(path.resolve("metrics.jsonl"))) {
            lines.add(((ObjectNode) new JsonMapper().readTree(line)).retain(COMPARED).toString());
        }
        return lines;
    }

    /** Oldest first. */
    List<Path> checkpoints() throws IOException {
        try (var files = Files.list(path.resolve("checkpoints"))) {
            return files.sorted().toList();
        }
    }

    /** Of the last checkpoint: parameters and the optimizer's averages. */
    private Map<String, String> tensors() throws IOException {
        var tensors = new TreeMap<String, String>();
        try (var file = SafetensorsFile.open(checkpoints().getLast())) {
            file.tensors().forEach(info -> tensors.put(info.name(), Arrays.toString(file.floats(info.name()))));
        }
        return tensors;
    }

    /** Adapter, optimizer and metrics are another run's, to the bit. */
    void requireSameAs(RunFolder other) throws IOException {
        try (var files = Files.list(other.path)) {
            var adapter = files.map(Path::getFileName).map(Path::toString).filter(name -> name.endsWith(".safetensors"))
                    .toList();
            assertThat(adapter).isNotEmpty().allSatisfy(
                    name -> assertThat(path.resolve(name)).hasSameBinaryContentAs(other.path.resolve(name)));
        }
        assertThat(checkpoints().stream().map(Path::getFileName))
                .isEqualTo(other.checkpoints().stream().map(Path::getFileName).toList());
        assertThat(tensors()).isEqualTo(other.tensors());
        assertThat(metrics()).isEqualTo(other.metrics());
    }
}
