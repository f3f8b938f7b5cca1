package lorikeet.test.ops;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicContainer.dynamicContainer;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.util.HashMap;
import java.util.Map;
import java.util.stream.Stream;
import lorikeet.test.TestDevices;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicNode;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;

/** Every operation on every device. The build repeats it with smaller instruction sets. */
@Tag("isa")
class OpTableTest {
    private static final Map<String, Integer> EXECUTED = new HashMap<>();
    private static final Map<String, OpReference> REFERENCES = new HashMap<>();
    private static TestDevices devices;

    @BeforeAll
    static void openDevices() {
        devices = new TestDevices();
    }

    @TestFactory
    Stream<DynamicNode> everyOpOnEveryDevice() {
        return Stream.concat(
                devices.byName().keySet().stream().map(device -> dynamicContainer(device,
                        OpTable.ops().stream().map(op -> dynamicContainer(op.name(), cases(device, op))))),
                devices.absent().entrySet().stream()
                        .map(absent -> dynamicTest(absent.getKey(), () -> Assumptions.abort(absent.getValue()))));
    }

    private static Stream<DynamicTest> cases(String device, Op op) {
        return op.cases().stream().map(shapes -> dynamicTest(op.name() + " " + shapes + " on " + device, () -> {
            var reference = REFERENCES.computeIfAbsent(op.name() + shapes, _ -> new OpReference(op, shapes));
            OpCheck.run(devices.byName().get(device), reference);
            EXECUTED.merge(device, 1, Integer::sum);
        }));
    }

    /** A device that quietly did nothing would pass everything else. */
    @AfterAll
    static void everyDeviceHasWorked() {
        devices.close();
        assertThat(devices.byName().keySet()).contains("cpu")
                .allSatisfy(name -> assertThat(EXECUTED.get(name)).as(name).isPositive());
    }
}
