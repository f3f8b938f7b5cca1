package lorikeet.test.reference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The reference earns its name: it computes what Hugging Face PEFT computed, in double precision where that did. */
class ReferenceGoldenTest {
    static Stream<Golden> methods() {
        return Arrays.stream(Golden.ALL);
    }

    @ParameterizedTest
    @MethodSource("methods")
    void logits(Golden golden) throws IOException {
        var logits = golden.decoder().logits(golden.parameters(), Golden.batch());
        assertThat(Difference.largest(logits, golden.logits())).isLessThanOrEqualTo(2e-6);
    }

    /** The values come from single precision, whose error is relative to the largest of a tensor, not to each. */
    @ParameterizedTest
    @MethodSource("methods")
    void gradients(Golden golden) throws IOException {
        var actual =
                golden.decoder().gradients(golden.parameters(), golden.trainable().keySet(), Golden.batch()).byName();
        var expected = golden.gradients();
        assertThat(actual).hasSameSizeAs(expected);
        expected.forEach((name, gradient) -> assertThat(Difference.relative(actual.get(name), gradient)).as(name)
                .isLessThanOrEqualTo(1e-5));
    }

    @ParameterizedTest
    @MethodSource("methods")
    void lossesOfTwentySteps(Golden golden) throws IOException {
        var parameters = golden.parameters();
        var trainable = golden.trainable().keySet();
        var optimizer = new ReferenceAdamW(1e-3, 0.01);
        var losses = new double[21];
        for (int step = 0; step <= 20; step++) {
            var gradients = golden.decoder().gradients(parameters, trainable, Golden.batch());
            losses[step] = gradients.loss();
            optimizer.step(parameters, gradients.byName());
        }
        assertThat(losses).containsExactly(golden.losses(), within(1e-9));
    }

    @ParameterizedTest
    @MethodSource("methods")
    void greedyText(Golden golden) throws IOException {
        var prompts = Golden.prompts();
        for (int i = 0; i < prompts.length; i++) {
            assertThat(golden.decoder().generate(golden.parameters(), prompts[i], 16)).isEqualTo(golden.generated()[i]);
        }
    }

    /** What an adapter folder holds of a reparametrised prompt is what its encoder gives. */
    @ParameterizedTest
    @MethodSource("methods")
    void logitsOfTheSavedAdapter(Golden golden) throws IOException {
        if (golden.methods().length == 0) {
            return;
        }
        var adapter = golden.tensors("adapter/adapter_model.safetensors");
        var method = golden.methods()[0];
        if (adapter.containsKey("prompt_embeddings")) {
            adapter = Map.of("prompt_encoder.embedding.weight", adapter.get("prompt_embeddings"));
            method = method instanceof Method.PTuning ? new Method.Prompt() : method;
        }
        var parameters = Golden.base();
        parameters.putAll(adapter);
        var logits = new ReferenceDecoder(Golden.config(), method).logits(parameters, Golden.batch());
        assertThat(Difference.largest(logits, golden.logits())).isLessThanOrEqualTo(2e-6);
    }
}
