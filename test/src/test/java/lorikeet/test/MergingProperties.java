package lorikeet.test;

import static lorikeet.test.Trial.requireClose;
import static lorikeet.test.Trial.requireDifferent;
import static lorikeet.test.Trial.requireSame;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import lorikeet.kernels.DType;
import lorikeet.peft.Bottleneck;
import lorikeet.peft.Lora;
import lorikeet.peft.Mergeable;
import lorikeet.peft.Method;
import lorikeet.peft.PromptLearning;
import lorikeet.peft.Selection;
import lorikeet.peft.Targets;

/** What happens when a method's effect is written into the base's weights. */
final class MergingProperties {
    /** Rounding to eight digits, of weights and of what they are multiplied by. */
    private static final double OF_BF16 = 2e-2;

    private MergingProperties() {}

    static String whyNotMerged(Method method) {
        return switch (method) {
            case PromptLearning _ -> "virtual tokens have no form in the base's weights";
            case Bottleneck _ -> "a non-linear layer has no form in the base's weights";
            case Selection _ -> "it is in the base's weights already";
            default -> null;
        };
    }

    static void sameOutputs(Trial trial) {
        var subject = trial.learned();
        var beside = trial.logits(subject);
        var adapter = (Mergeable) subject.adapter();
        adapter.merge();
        requireClose(trial.logits(subject), beside);
        requireDifferent(trial.logits(subject), trial.baseLogits());
        assertThat(subject.decoder().linears()).allMatch(linear -> linear.plugged().isEmpty());
        adapter.unmerge();
        requireSame(trial.logits(subject), beside);
    }

    static void twice(Trial trial) {
        var subject = trial.learned();
        var adapter = (Mergeable) subject.adapter();
        adapter.merge();
        var once = Trial.weights(subject.decoder());
        adapter.merge();
        requireSame(Trial.weights(subject.decoder()), once);
        assertThat(adapter.merged()).isTrue();
    }

    /** Also when another adapter was merged before and comes out first. */
    static void unmerged(Trial trial) {
        var subject = trial.learned();
        var adapter = (Mergeable) subject.adapter();
        adapter.unplug();
        var base = Trial.weights(subject.decoder());
        adapter.merge();
        var merged = Trial.weights(subject.decoder());
        var other = new Lora(2, 4, Targets.of("all-linear")).attach(subject.decoder(), 9);
        Trial.disturb(other, 3);
        ((Mergeable) other).merge();
        assertThat(Trial.weights(subject.decoder())).isNotEqualTo(merged);
        ((Mergeable) other).unmerge();
        other.detach();
        requireSame(Trial.weights(subject.decoder()), merged);
        adapter.unmerge();
        adapter.unplug();
        requireSame(Trial.weights(subject.decoder()), base);
    }

    static void refusesWhatIsNotFinite(Trial trial) {
        var subject = trial.learned();
        var adapter = (Mergeable) subject.adapter();
        var base = Trial.weights(subject.decoder());
        for (var parameter : adapter.parameters().entrySet()) {
            if (base.containsKey(parameter.getKey().replace(".base_layer.", "."))) {
                continue; // a bias of the base, which holds it already
            }
            var values = parameter.getValue().toArray();
            for (float spoilt : new float[] {Float.NaN, Float.NEGATIVE_INFINITY}) {
                var damaged = values.clone();
                damaged[values.length / 2] = spoilt;
                subject.device().upload(parameter.getValue().data(), damaged);
                assertThatThrownBy(adapter::merge).isInstanceOf(ArithmeticException.class)
                        .hasMessageContaining(parameter.getKey());
                assertThat(adapter.merged()).isFalse();
                requireSame(Trial.weights(subject.decoder()), base);
            }
            subject.device().upload(parameter.getValue().data(), values);
        }
        adapter.merge();
        assertThat(adapter.merged()).isTrue();
    }

    static String whyNoBf16Base(Method method) {
        return method instanceof Selection ? "it trains the base's own weights, which stay in 32 bits for that" : null;
    }

    /** Beside a base in bf16 a method does, and merged into it leaves, what it would beside the same numbers in 32 bits. */
    static void bf16Base(Trial trial) {
        var narrow = trial.onBf16(DType.BF16);
        var wide = trial.onBf16(DType.F32);
        assertThat(narrow.decoder().parameters().values()).anyMatch(weight -> weight.dtype() == DType.BF16);
        assertThat(Trial.difference(trial.logits(narrow), trial.logits(wide))).isLessThan(OF_BF16);
        if (narrow.adapter() instanceof Mergeable merged) {
            merged.merge();
            ((Mergeable) wide.adapter()).merge();
            wide.decoder().parameters().forEach((name, weight) -> assertThat(Trial.difference(
                    narrow.decoder().parameters().get(name).toArray(), weight.toArray())).as(name).isLessThan(OF_BF16));
        }
    }
}
