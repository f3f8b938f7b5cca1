package lorikeet.test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import lorikeet.engine.Tensor;
import lorikeet.kernels.Device;
import lorikeet.kernels.Devices;
import lorikeet.kernels.Precision;
import lorikeet.model.Decoder;
import lorikeet.peft.Lora;
import lorikeet.peft.Movements;
import lorikeet.peft.Movements.Movement;
import lorikeet.peft.PromptTuning;
import lorikeet.peft.Selection;
import lorikeet.peft.Targets;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** How far parameters moved is what one counts by hand. */
class MovementsTest {
    private Device device;
    private Decoder decoder;

    @BeforeEach
    void open() throws IOException {
        device = Devices.open("cpu", Precision.STRICT, 1);
        decoder = GoldenBase.load(device);
    }

    @AfterEach
    void close() {
        decoder.close();
        device.close();
    }

    private static Map<String, Movement> byName(List<Movement> movements) {
        return movements.stream().collect(Collectors.toMap(Movement::name, Function.identity()));
    }

    private static double norm(float[] numbers) {
        double squares = 0;
        for (float number : numbers) {
            squares += (double) number * number;
        }
        return Math.sqrt(squares);
    }

    private void set(Tensor parameter, float[] numbers) {
        parameter.change(() -> device.upload(parameter.data(), numbers));
    }

    @Test
    void ofTheBasesOwnParameters() {
        var adapter = new Selection.BitFit().attach(decoder, 1);
        var movements = new Movements(decoder, adapter);
        assertThat(movements.before()).allMatch(movement -> movement.change() == null);
        var bias = adapter.parameters().get("h.1.mlp.c_fc.bias");
        var before = bias.toArray();
        var after = before.clone();
        after[0] += 3;
        after[191] -= 4;
        set(bias, after);
        var now = byName(movements.now());
        assertThat(now).hasSize(decoder.parameters().size());
        var moved = now.remove("h.1.mlp.c_fc.bias");
        assertThat(moved.change()).isCloseTo(5, within(1e-5));
        assertThat(moved.norm()).isCloseTo(norm(before), within(1e-6));
        assertThat(moved.size()).isEqualTo(192);
        assertThat(now.values()).allMatch(movement -> movement.change() == 0)
                .allMatch(movement -> movement.trained() == movement.name().endsWith(".bias"));
    }

    /** A · B in the base's layout is counted in double; A is what it began with, so that it has not moved itself. */
    @Test
    void ofWhatLoraAddsToAWeight() {
        var first = decoder.linear("h.2.attn.c_proj").weight().toArray();
        var adapter = new Lora(2, 6, Targets.of("attn.c_proj")).attach(decoder, 1);
        var movements = new Movements(decoder, adapter);
        var a = adapter.parameters().get("h.2.attn.c_proj.lora_A.weight");
        var b = adapter.parameters().get("h.2.attn.c_proj.lora_B.weight");
        var numbers = new float[48 * 2];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = (i % 7 - 3) * 0.1f;
        }
        set(b, numbers);
        var thin = a.toArray();
        double squares = 0;
        for (int out = 0; out < 48; out++) {
            for (int in = 0; in < 48; in++) {
                double delta =
                        6 / 2 * (numbers[2 * out] * (double) thin[in] + numbers[2 * out + 1] * (double) thin[48 + in]);
                squares += delta * delta;
            }
        }
        var now = byName(movements.now());
        var moved = now.get("h.2.attn.c_proj.weight");
        assertThat(moved.change()).isCloseTo(Math.sqrt(squares), within(1e-5 * Math.sqrt(squares)));
        assertThat(moved.trained()).isFalse();
        assertThat(now.get("h.1.attn.c_proj.weight").change()).isZero();
        assertThat(now.get("h.2.attn.c_proj.lora_A.weight").change()).isZero();
        assertThat(now.get("h.2.attn.c_proj.lora_B.weight").norm()).isZero();
        assertThat(now.get("h.2.attn.c_proj.lora_B.weight").change()).isCloseTo(norm(numbers), within(1e-6));
        assertThat(decoder.linear("h.2.attn.c_proj").weight().toArray()).isEqualTo(first);
        assertThat(decoder.changes().changed(decoder.linear("h.2.attn.c_proj").weight())).isFalse();
    }

    @Test
    void ofWhatStandsInFront() {
        var adapter = new PromptTuning(3, new PromptTuning.Init.Normal()).attach(decoder, 1);
        var movements = new Movements(decoder, adapter);
        var prompt = adapter.parameters().values().iterator().next();
        var before = prompt.toArray();
        var after = before.clone();
        for (int i = 0; i < after.length; i++) {
            after[i] *= 2;
        }
        set(prompt, after);
        var added = movements.now().stream().filter(Movement::added).toList();
        assertThat(added).singleElement().satisfies(movement -> {
            assertThat(movement.shape()).isEqualTo("[3, 48]");
            assertThat(movement.change()).isCloseTo(movement.norm(), within(1e-6)).isCloseTo(norm(before),
                    within(1e-6));
        });
    }
}
