package lorikeet.test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import lorikeet.engine.Schedule;
import lorikeet.kernels.Device;
import lorikeet.kernels.Devices;
import lorikeet.kernels.Precision;
import lorikeet.kernels.cuda.CudaDevice;
import lorikeet.kernels.cuda.Gpu;
import lorikeet.kernels.sim.SimGpu;
import lorikeet.model.Generation;
import lorikeet.model.Sampling;
import lorikeet.model.Training;
import lorikeet.model.data.Batch;
import lorikeet.model.data.Example;
import lorikeet.peft.Lora;
import lorikeet.peft.LoraVariant;
import lorikeet.peft.Method;
import lorikeet.peft.PrefixTuning;
import lorikeet.peft.Selection;
import lorikeet.peft.Targets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Whole training steps and generated text on the GPU made of Java: what the CPU does, the same bits each time, no races. */
class SimTrainingTest {
    private static final Lora LORA = new Lora(2, 4, 0.1f, Targets.of("all-linear"), LoraVariant.PLAIN);

    static Stream<Method> methods() {
        return Stream.of(LORA, new PrefixTuning(3, false, 0, null), new Selection.Full());
    }

    private static CudaDevice on(SimGpu.Options options) {
        return new CudaDevice(new SimGpu(options.withThreads(2)), Precision.STRICT);
    }

    /** The losses of two steps on a short batch, which leave nothing on the device. */
    private static List<Float> losses(Device device, Method method, Batch batch) throws IOException {
        var losses = new ArrayList<Float>();
        long before = device.memory().ledger().current();
        try (var subject = Subject.of(device, method); var optimizer = subject.adamW(0.01f)) {
            new Training(2, 1, 1e-3f, new Schedule(Schedule.Kind.CONSTANT, 0, 2), 1, 1, false).run(subject.decoder(),
                    optimizer, _ -> batch, 0, step -> losses.add(step.loss()));
            losses.add(subject.gradients(batch, Subject.pass(false)).loss());
        }
        assertThat(device.memory().ledger().current()).as("bytes left on the device").isEqualTo(before);
        return losses;
    }

    /** Sequences of different lengths, each the beginning of one of the golden batch. */
    private static Batch batch(int... lengths) throws IOException {
        var examples = new ArrayList<Example>();
        for (int i = 0; i < lengths.length; i++) {
            var golden = GoldenBase.examples().get(i);
            examples.add(new Example(Arrays.copyOf(golden.ids(), lengths[i]),
                    Arrays.copyOf(golden.ids(), lengths[i])));
        }
        return Batch.of(examples);
    }

    @ParameterizedTest
    @MethodSource("methods")
    void learnsAsTheCpuDoes(Method method) throws IOException {
        var batch = batch(9, 5);
        List<Float> expected;
        try (var cpu = Devices.open("cpu", Precision.STRICT, 2)) {
            expected = losses(cpu, method, batch);
        }
        for (var schedule : SimGpu.Schedule.values()) {
            try (var sim = on(SimGpu.Options.DEFAULT.withSchedule(schedule))) {
                var actual = losses(sim, method, batch);
                assertThat(losses(sim, method, batch)).as("a second time").isEqualTo(actual);
                for (int i = 0; i < expected.size(); i++) {
                    assertThat(actual.get(i)).isCloseTo(expected.get(i), within(1e-5f));
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("methods")
    void noTwoThreadsTouchTheSameMemoryUnordered(Method method) throws IOException {
        try (var sim = on(SimGpu.Options.DEFAULT.withRaces(true))) {
            assertThat(losses(sim, method, batch(5, 2))).allSatisfy(loss -> assertThat(loss).isFinite());
        }
    }

    @ParameterizedTest
    @EnumSource
    void writesWhatTheCpuWrites(SimGpu.Schedule schedule) throws IOException {
        var prompts = List.of(new int[] {1, 2, 3}, new int[] {4}, IntStream.range(0, 62).toArray());
        try (var sim = on(SimGpu.Options.DEFAULT.withSchedule(schedule));
                var cpu = Devices.open("cpu", Precision.STRICT, 1);
                var expected = GoldenBase.load(cpu);
                var actual = GoldenBase.load(sim)) {
            long before = sim.memory().ledger().current();
            assertThat(Generation.continueGreedily(actual, prompts, 6, -1).toArray(int[][]::new))
                    .isDeepEqualTo(Generation.continueGreedily(expected, prompts, 6, -1).toArray(int[][]::new));
            assertThat(Generation.continueText(actual, prompts.getFirst(), 6, -1, Sampling.GREEDY, _ -> {}))
                    .isEqualTo(Generation.continueText(expected, prompts.getFirst(), 6, -1, Sampling.GREEDY, _ -> {}));
            assertThat(sim.memory().ledger().current()).isEqualTo(before);
        }
    }

    /** Waiting once a step, for the loss, is what keeps a GPU busy. */
    @Test
    void waitsOnceAStep() throws IOException {
        var calls = new HashMap<String, Integer>();
        var waits = new ArrayList<Integer>();
        var batch = batch(5, 3);
        try (var sim = new CudaDevice(counted(new SimGpu(SimGpu.Options.DEFAULT), calls), Precision.STRICT);
                var subject = Subject.of(sim, LORA);
                var optimizer = subject.adamW(0.01f)) {
            new Training(3, 2, 1e-3f, new Schedule(Schedule.Kind.CONSTANT, 0, 3), 1, 1, false).run(subject.decoder(),
                    optimizer, _ -> batch, 0, _ -> {
                        waits.add(calls.getOrDefault("synchronise", 0));
                        calls.clear();
                        return true;
                    });
        }
        assertThat(waits.subList(1, 3)).containsExactly(1, 1);
    }

    private static Gpu counted(Gpu gpu, Map<String, Integer> calls) {
        return (Gpu) Proxy.newProxyInstance(Gpu.class.getClassLoader(), new Class<?>[] {Gpu.class},
                (_, method, arguments) -> {
                    calls.merge(method.getName(), 1, Integer::sum);
                    try {
                        return method.invoke(gpu, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }
}
