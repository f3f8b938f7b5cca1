package lorikeet.peft.cli;

import lorikeet.peft.Dora;
import lorikeet.peft.Ia3;
import lorikeet.peft.Lora;
import lorikeet.peft.Method;
import lorikeet.peft.PTuning;
import lorikeet.peft.ParallelAdapter;
import lorikeet.peft.PrefixTuning;
import lorikeet.peft.PromptTuning;
import lorikeet.peft.Selection;
import lorikeet.peft.SeriesAdapter;

/** Learning rates that suit the methods: the best of the sweep in docs/comparison.md. DoRA has LoRA's. */
final class LearningRates {
    private LearningRates() {}

    static float of(Method method) {
        return switch (method) {
            case Lora _,Dora _,PrefixTuning _,SeriesAdapter _ -> 3e-3f;
            case PromptTuning _,Selection.BitFit _ -> 3e-2f;
            case Ia3 _,Selection.LayerNorms _ -> 1e-1f;
            case PTuning _ -> 1e-2f;
            case ParallelAdapter _,Selection.LastLayers _ -> 1e-3f;
            case Selection.Full _ -> 3e-4f;
            default -> 1e-3f;
        };
    }
}
