package lorikeet.peft.cli;

import lorikeet.peft.Bottleneck;
import lorikeet.peft.Dora;
import lorikeet.peft.Ia3;
import lorikeet.peft.Lora;
import lorikeet.peft.Method;
import lorikeet.peft.PTuning;
import lorikeet.peft.PrefixTuning;
import lorikeet.peft.PromptTuning;
import lorikeet.peft.Selection;

/** Learning rates that suit the methods, found by trying each on the bundled base and task. */
final class LearningRates {
    private LearningRates() {}

    static float of(Method method) {
        return switch (method) {
            case Lora _,Dora _ -> 3e-3f;
            case Ia3 _ -> 1e-2f;
            case PromptTuning _ -> 3e-2f;
            case PrefixTuning _ -> 1e-2f;
            case PTuning _,Bottleneck _ -> 1e-3f;
            case Selection.BitFit _,Selection.LayerNorms _ -> 3e-3f;
            case Selection.Full _,Selection.LastLayers _ -> 5e-4f;
            default -> 1e-3f;
        };
    }
}
