package lorikeet.test;

import static lorikeet.test.CommandRun.done;
import static lorikeet.test.CommandRun.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import lorikeet.engine.AnomalySearch;
import lorikeet.engine.SafetensorsFile;
import lorikeet.engine.SafetensorsWriter;
import lorikeet.engine.Schedule;
import lorikeet.engine.Shape;
import lorikeet.engine.Tensor;
import lorikeet.kernels.sim.SimGpu;
import lorikeet.model.Training;
import lorikeet.model.data.Batch;
import lorikeet.model.data.Example;
import lorikeet.peft.Lora;
import lorikeet.peft.Targets;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Where numbers went wrong first is found, forward and backward, on every device. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class AnomalyTest {
    private static final Lora LORA = new Lora(2, 4, Targets.of("c_attn"));
    private static final String WEIGHT = "h.1.mlp.c_fc.weight";

    private final TestDevices devices = new TestDevices(SimGpu.Schedule.WARP_SERIAL);
    @TempDir
    private Path folder;

    @AfterAll
    void close() {
        devices.close();
    }

    private List<String> names() {
        return List.copyOf(devices.byName().keySet());
    }

    /** What is found in a step of training after {@code damage} to the parameters. */
    private Throwable found(String on, Lora method, boolean recompute, Consumer<Map<String, Tensor>> damage)
            throws IOException {
        var batch = Batch.of(List.of(new Example(new int[] {1, 2, 3, 4}, new int[] {1, 2, 3, 4})));
        try (var subject = Subject.of(devices.byName().get(on), method)) {
            var parameters = new LinkedHashMap<>(subject.decoder().parameters());
            parameters.putAll(subject.adapter().parameters());
            damage.accept(parameters);
            long before = subject.device().memory().ledger().current();
            var training = new Training(9, 1, 1e-3f, new Schedule(Schedule.Kind.CONSTANT, 0, 9), 1, 1, recompute);
            var thrown = org.assertj.core.api.Assertions
                    .catchThrowable(() -> training.findAnomaly(subject.decoder(), _ -> batch, 3, parameters));
            assertThat(parameters.values()).allMatch(parameter -> parameter.gradient() == null);
            assertThat(subject.device().memory().ledger().current() - before)
                    .isBetween(0L, subject.adapter().size() * 4);
            return thrown;
        }
    }

    /** Overwrites the last number of a parameter. */
    private static void put(Tensor parameter, float value) {
        parameter.change(() -> {
            var values = parameter.toArray();
            values[values.length - 1] = value;
            parameter.device().upload(parameter.data(), values);
        });
    }

    @ParameterizedTest
    @MethodSource("names")
    void aBadWeightIsNamedWithItsLayer(String on) throws IOException {
        for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
            assertThat(found(on, LORA, false, parameters -> put(parameters.get(WEIGHT), bad)))
                    .isInstanceOf(ArithmeticException.class)
                    .hasMessage(
                            "forward, MatMul.linear at h.1.mlp.c_fc: 4 of the 768 numbers [4, 192] of its result; so "
                                    + "were 1 of the 9,216 numbers [48, 192] of h.1.mlp.c_fc.weight");
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void whatOverflowsBackwardIsNamed(boolean recompute) throws IOException {
        // with A = 0 the branch is 0 however large B is; A's gradient is B times alpha / rank, more than a float holds
        var thrown = found("cpu", new Lora(2, 1e8f, Targets.of("c_attn")), recompute, parameters -> {
            fill(parameters.get("h.2.attn.c_attn.lora_A.weight"), 0);
            fill(parameters.get("h.2.attn.c_attn.lora_B.weight"), 3e38f);
        });
        assertThat(thrown).isInstanceOf(ArithmeticException.class).hasMessageMatching(
                "backward, [A-Z]\\w+\\.\\w+ at h\\.2\\.attn\\.c_attn\\.lora_[AB]: [\\d,]+ of the [\\d,]+ numbers .*");
    }

    private static void fill(Tensor parameter, float value) {
        parameter.change(() -> parameter.device().fill(parameter.data(), value));
    }

    /** 1e-30 / 1e-30 is 1; but its derivative by the divisor, −1e30, times a gradient of 1e20, is nothing that floats hold. */
    @ParameterizedTest
    @MethodSource("names")
    void anOperationThatOverflowsBackwardIsNamed(String on) {
        var device = devices.byName().get(on);
        var divisor = Tensor.parameter(device, Shape.of(2), 1e-30f, 1);
        try (var _ = device.memory().scope()) {
            var dividend = Tensor.of(device, Shape.of(2), 1e-30f, 1);
            assertThatThrownBy(() -> AnomalySearch.run(Map.of("divisor.weight", divisor),
                    () -> dividend.dividedBy(divisor).times(1e20f).sum().backward()))
                    .hasMessage("backward, Elementwise.divide at divisor: 1 of the 2 numbers [2] of the gradient of "
                            + "divisor.weight");
        } finally {
            divisor.free();
        }
    }

    @ParameterizedTest
    @MethodSource("names")
    void whereNothingIsWrongThatIsSaid(String on) throws IOException {
        assertThat(found(on, LORA, false, _ -> {}))
                .hasMessage("every result and gradient is finite, only their sum or norm is not");
    }

    // ---- the command -------------------------------------------------------------------------------------------------

    private String[] finetune(Path base, String... more) throws IOException {
        var data = CommandRun.writeGoldenBatch(folder.resolve("batch.jsonl"));
        return CommandRun
                .with(new String[] {"finetune", "--base", base.toString(), "--data", data.toString(), "--steps",
                    "3", "--quiet", "--force", "--out"}, more);
    }

    @Test
    void theCommandStopsAtTheFirstBadStepAndNamesIt() throws IOException {
        var bad = Files.createDirectories(folder.resolve("bad"));
        Files.copy(GoldenBase.FOLDER.resolve("config.json"), bad.resolve("config.json"));
        try (var file = SafetensorsFile.open(GoldenBase.FOLDER.resolve("model.safetensors"))) {
            var tensors = new ArrayList<SafetensorsWriter.Source>();
            for (var info : file.tensors()) {
                var values = file.floats(info.name());
                if (info.name().endsWith(WEIGHT)) {
                    values[5] = Float.NaN;
                }
                tensors.add(SafetensorsWriter.Source.of(info.name(), info.engineShape(), values));
            }
            SafetensorsWriter.write(bad.resolve("model.safetensors"), Map.of(), tensors);
        }
        var stopped = run(finetune(bad, folder.resolve("out").toString(), "--detect-anomaly"));
        assertThat(stopped.exit()).isEqualTo(1);
        assertThat(stopped.complaint()).startsWith("lorikeet: step 1: not finite: forward, MatMul.linear at "
                + "h.1.mlp.c_fc: ").contains(WEIGHT);
        assertThat(folder.resolve("out/adapter_model.safetensors")).exists();
    }

    @Test
    void aSoundRunIsTheSameWithOrWithout() throws IOException {
        done(finetune(GoldenBase.FOLDER, folder.resolve("with").toString(), "--detect-anomaly"));
        done(finetune(GoldenBase.FOLDER, folder.resolve("without").toString()));
        assertThat(folder.resolve("with/adapter_model.safetensors"))
                .hasSameBinaryContentAs(folder.resolve("without/adapter_model.safetensors"));
    }
}
