package lorikeet.test;

import static lorikeet.test.Trial.requireSame;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.stream.IntStream;
import lorikeet.peft.Adapter;
import lorikeet.peft.AdapterFolder;
import lorikeet.peft.Lora;
import lorikeet.peft.LoraInit;

/** What training changes, and what it leaves alone. */
final class TrainingProperties {
    private TrainingProperties() {}

    /** Each trainable number gets a gradient; nothing frozen does. */
    static void gradients(Trial trial) {
        var subject = trial.learned();
        var gradients = trial.gradients(subject, false).byName();
        assertThat(gradients.keySet()).isEqualTo(subject.adapter().parameters().keySet());
        assertThat(gradients).allSatisfy((name, gradient) -> {
            assertThat(gradient).as(name).isNotNull();
            assertThat(IntStream.range(0, gradient.length).anyMatch(i -> gradient[i] != 0)).as(name).isTrue();
        });
        subject.decoder().parameters().values().stream().filter(weight -> !isTrained(subject.adapter(), weight))
                .forEach(weight -> {
                    assertThat(weight.requiresGrad()).isFalse();
                    assertThat(weight.gradient()).isNull();
                });
    }

    private static boolean isTrained(Adapter adapter, Object weight) {
        return adapter.parameters().values().stream().anyMatch(parameter -> parameter == weight);
    }

    static void threeSteps(Trial trial) {
        var subject = trial.fresh();
        var adapterBefore = subject.values();
        var baseBefore = Trial.weights(subject.decoder());
        trial.train(subject, 3);
        subject.values().forEach(
                (name, values) -> assertThat(values).as(name).isNotEqualTo(adapterBefore.get(name)));
        var frozen = new HashMap<>(baseBefore);
        subject.decoder().parameters().forEach((name, weight) -> {
            if (isTrained(subject.adapter(), weight)) {
                frozen.put(name, weight.toArray());
            }
        });
        requireSame(Trial.weights(subject.decoder()), frozen);
    }

    /** Blocks that forget their inner values and compute them again give the same bits. */
    static void recomputation(Trial trial) {
        var subject = trial.learned();
        var kept = trial.gradients(subject, false);
        var again = trial.gradients(subject, true);
        assertThat(again.loss()).isEqualTo(kept.loss());
        requireSame(again.byName(), kept.byName());
    }

    /** Interrupted after its first step and continued from its files, training is what it would have been. */
    static void goesOn(Trial trial) throws Exception {
        var straight = trial.fresh();
        float[] losses = trial.train(straight, 3);
        var first = trial.fresh();
        trial.train(first, 1);
        AdapterFolder.save(trial.folder, first.adapter(), "base");
        var second = trial.loaded(trial.folder);
        float[] later = trial.train(second, 2);
        int comparable = isJoined(trial) ? 1 : 2; // the files hold one pair that trains differently from there
        for (int i = 0; i < comparable; i++) {
            assertThat(Math.abs(later[i] - losses[i + 1])).isLessThan(1e-5f);
        }
        if (comparable == 2) {
            var expected = straight.values();
            second.values().forEach((name, values) -> assertThat(Trial.difference(values, expected.get(name))).as(name)
                    .isLessThan(1e-4));
        }
    }

    /** Whether files hold the method in another form than the one in which it was trained. */
    static boolean isJoined(Trial trial) {
        return trial.method instanceof Lora lora && (lora.variant().init() == LoraInit.PISSA
                || lora.targets().include().names().stream().anyMatch(name -> name.startsWith("c_attn.")));
    }
}
