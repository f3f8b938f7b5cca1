package lorikeet.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A device that only counts. */
class DryDeviceTest {
    private final Device device = DryDevice.of(Precision.BF16);

    @Test
    void booksMoreThanAnyMachineHas() {
        var memory = device.memory();
        var large = memory.allocate(DType.F32, 1L << 50, Purpose.WEIGHTS);
        var other = memory.allocate(DType.BF16, 3, Purpose.WEIGHTS);
        assertThat(memory.ledger().current(Purpose.WEIGHTS)).isEqualTo((4L << 50) + 6);
        assertThat(other.address() - large.address()).isEqualTo(4L << 50);
        large.release();
        assertThat(memory.ledger().current()).isEqualTo(6);
        assertThat(memory.ledger().peak()).isEqualTo((4L << 50) + 6);
        assertThat(device.precision()).isEqualTo(Precision.BF16);
    }

    static Stream<Method> verbs() {
        return Arrays.stream(Device.class.getMethods()).filter(verb -> Modifier.isAbstract(verb.getModifiers()));
    }

    /** Whatever they are given: they do not even look at it. */
    @ParameterizedTest
    @MethodSource("verbs")
    void everyVerbDoesNothing(Method verb) throws IllegalAccessException, InvocationTargetException {
        var arguments = Arrays.stream(verb.getParameterTypes()).map(DryDeviceTest::nothing).toArray();
        if (verb.getReturnType() == void.class) {
            verb.invoke(device, arguments);
        } else {
            assertThat(verb.invoke(device, arguments)).isNotNull();
        }
    }

    private static Object nothing(Class<?> type) {
        return switch (type.getName()) {
            case "int" -> 0;
            case "float" -> 0f;
            case "boolean" -> false;
            default -> null;
        };
    }

    @Test
    void numbersAreNotEvenMade() {
        device.upload(device.memory().allocate(DType.F32, 1, Purpose.WEIGHTS), () -> {
            throw new AssertionError("made");
        });
    }
}
