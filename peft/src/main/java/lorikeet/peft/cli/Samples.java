package lorikeet.peft.cli;

import java.util.List;
import lorikeet.model.Decoder;
import lorikeet.model.Generation;
import lorikeet.model.data.Example;
import lorikeet.model.data.Task;
import lorikeet.model.text.Tokenizer;

/**
 * What a model makes of the first held-out examples, or, where there are none, of the first it is trained on.
 *
 * @param tokenizer null where the base has none; then there are no samples
 */
record Samples(Decoder decoder, Tokenizer tokenizer, int endOfText, List<Example> examples) {
    private static final int COUNT = 3;
    private static final int TOKENS = 30;

    static Samples of(Decoder decoder, Tokenizer tokenizer, int endOfText, Task task) {
        var all = task.evaluation().isEmpty() ? task.training() : task.evaluation();
        return new Samples(decoder, tokenizer, endOfText,
                tokenizer == null ? List.of() : all.subList(0, Math.min(COUNT, all.size())));
    }

    /** The likeliest continuations, as the model is now. */
    List<String> now() {
        return examples.isEmpty()
                ? List.of()
                : Generation.continueGreedily(decoder, examples.stream().map(Samples::start).toList(), TOKENS,
                        endOfText).stream().map(tokenizer::decode).toList();
    }

    /** A text without a prompt is begun with its first token. */
    private static int[] start(Example example) {
        return example.prompt().length == 0 ? new int[] {example.ids()[0]} : example.prompt();
    }

    String prompt(int example) {
        return tokenizer.decode(start(examples.get(example)));
    }

    /** The right answer. */
    String wanted(int example) {
        return tokenizer.decode(examples.get(example).answer(endOfText));
    }
}
