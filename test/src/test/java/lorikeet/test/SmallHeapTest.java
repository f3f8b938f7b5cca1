package lorikeet.test;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import lorikeet.engine.AdamWOptimizer;
import lorikeet.engine.AdamWOptimizer.Group;
import lorikeet.engine.AdamWOptimizer.Settings;
import lorikeet.engine.Schedule;
import lorikeet.engine.Schedule.Kind;
import lorikeet.kernels.Devices;
import lorikeet.kernels.Precision;
import lorikeet.model.Dropouts;
import lorikeet.model.ModelShape;
import lorikeet.model.Pretraining;
import lorikeet.model.Training;
import lorikeet.model.data.Batch;
import lorikeet.model.data.Sequences;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** Tensors live outside the Java heap. Runs in a process of its own, with a heap of 64 MiB. */
@Tag("small-heap")
class SmallHeapTest {

    @Test
    @EnabledOnOs(OS.LINUX)
    void trainingTakesFourTimesTheHeapInNativeMemory() throws IOException {
        long heap = Runtime.getRuntime().maxMemory();
        assertThat(heap).isLessThan(100L << 20);

        try (var device = Devices.open("cpu", Precision.STRICT, 2);
                var decoder = Pretraining.newDecoder(device, ModelShape.gpt2(1000, 32, 512, 6, 8), Dropouts.NONE, 1)) {
            var parameters = List.copyOf(decoder.parameters().values());
            try (var optimizer = new AdamWOptimizer(List.of(new Group(parameters, 0, 1)), Settings.DEFAULT)) {
                var ids = IntStream.range(0, 32).map(i -> i * i % 1000).toArray();
                var batch = new Batch(Sequences.of(List.of(ids)), ids);
                var losses = new ArrayList<Float>();
                new Training(3, 1, 1e-3f, new Schedule(Kind.CONSTANT, 0, 3), 0, 1, false)
                        .run(decoder, optimizer, _ -> batch, 0, step -> losses.add(step.loss()));

                assertThat(losses).hasSize(3);
                assertThat(losses.getLast()).isLessThan(losses.getFirst());
                assertThat(device.memory().ledger().peak()).isGreaterThan(4 * heap);
                assertThat(residentBytes()).isGreaterThan(4 * heap);
            }
        }
    }

    private static long residentBytes() throws IOException {
        return Files.readAllLines(Path.of("/proc/self/status")).stream()
                .filter(line -> line.startsWith("VmRSS:"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024)
                .findFirst()
                .orElseThrow();
    }
}
