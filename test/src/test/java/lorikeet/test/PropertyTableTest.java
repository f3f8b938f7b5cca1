package lorikeet.test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicContainer.dynamicContainer;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import lorikeet.kernels.sim.SimGpu;
import lorikeet.peft.Lora;
import lorikeet.peft.Method;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DynamicNode;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** Every property of every method on every device. A cell without a meaning says why. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PropertyTableTest {
    private static final Path DOCUMENT = Path.of("../docs/properties.md");

    /** Where each cell takes long: one that adapts weights, one with virtual tokens. */
    private static final Set<String> ON_SIM = Set.of("LoRA", "prefix tuning");

    private final TestDevices devices = new TestDevices(SimGpu.Schedule.WARP_SERIAL);
    private final Set<String> executed = new HashSet<>();

    @TempDir
    private Path folder;

    @TestFactory
    Stream<DynamicNode> everyPropertyOfEveryMethod() {
        return Stream.concat(
                devices.byName().keySet().stream().map(device -> dynamicContainer(device,
                        methods(device).entrySet().stream().map(method -> dynamicContainer(method.getKey(),
                                cells(device, method.getKey(), method.getValue()))))),
                devices.absent().entrySet().stream()
                        .map(absent -> dynamicTest(absent.getKey(), () -> Assumptions.abort(absent.getValue()))));
    }

    private static Map<String, Method> methods(String device) {
        var methods = new LinkedHashMap<>(PropertyTable.methods());
        if (device.startsWith("sim")) {
            methods.keySet().retainAll(ON_SIM);
        }
        return methods;
    }

    private Stream<DynamicTest> cells(String device, String row, Method method) {
        return PropertyTable.properties().stream().filter(property -> property.notFor().apply(method) == null)
                .map(property -> dynamicTest(property.name() + ": " + row + " on " + device, () -> {
                    var empty = Files.createTempDirectory(folder, "cell");
                    try (var trial = new Trial(devices.byName().get(device), method, !adaptsEmbedding(method), empty)) {
                        property.check().run(trial);
                    }
                    executed.add(device + row + property.name());
                }));
    }

    /** Such a LoRA can be merged only where the output layer is not the embedding again. */
    private static boolean adaptsEmbedding(Method method) {
        return method instanceof Lora lora && lora.targets().include().names().contains("wte");
    }

    @Test
    void everyEmptyCellHasItsReason() {
        var properties = PropertyTable.properties();
        assertThat(properties).hasSizeGreaterThanOrEqualTo(20);
        PropertyTable.methods().forEach((name, method) -> properties.forEach(property -> assertThat(
                property.notFor().apply(method)).as("%s: %s", name, property.name())
                .satisfiesAnyOf(reason -> assertThat(reason).isNull(), reason -> assertThat(reason).isNotBlank())));
        properties.forEach(property -> assertThat(PropertyTable.methods().values()).as(property.name())
                .anyMatch(method -> property.notFor().apply(method) == null));
    }

    @Test
    void theDocumentShowsThisTable() throws IOException {
        var made = Path.of("target/properties.md");
        Files.createDirectories(made.getParent());
        Files.writeString(made, PropertyTable.markdown());
        assertThat(DOCUMENT).as("docs/properties.md; test/target/properties.md is what it should be")
                .hasSameTextualContentAs(made);
    }

    @AfterAll
    void close() {
        devices.close();
        long cells = devices.byName().keySet().stream().flatMap(device -> methods(device).values().stream())
                .mapToLong(method -> PropertyTable.properties().stream()
                        .filter(property -> property.notFor().apply(method) == null).count())
                .sum();
        assertThat(executed).hasSize((int) cells);
        assertThat(devices.byName().keySet()).allSatisfy(
                device -> assertThat(executed).as(device).anyMatch(cell -> cell.startsWith(device)));
    }
}
