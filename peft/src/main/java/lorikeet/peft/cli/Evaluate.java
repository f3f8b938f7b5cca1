package lorikeet.peft.cli;

import java.io.IOException;
import java.util.concurrent.Callable;
import lorikeet.model.Evaluation;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Loss, perplexity and accuracy on held-out examples. */
@Command(name = "eval", sortOptions = false,
        description = "Evaluates a base, with or without an adapter: loss and perplexity, and accuracy: the right topic among "
                + "all, or the completion generated exactly.",
        footer = {"", "Examples:",
            "  lorikeet eval --adapter runs/lora-topics --eval-limit 0",
            "  lorikeet eval --base my-gpt2 --data held-out.jsonl"})
final class Evaluate implements Callable<Integer> {
    @Mixin
    private BaseOptions base;
    @Mixin
    private AdapterOption adapter;
    @Mixin
    private DataOptions data;
    @Mixin
    private DeviceOptions device;
    @Mixin
    private ProgressOption progress;

    @Override
    public Integer call() throws IOException {
        var folder = base.folder();
        try (var on = device.open();
                var tokenizer = BaseOptions.tokenizer(folder);
                var decoder = BaseOptions.load(folder, on, AdapterOption.trainsBase(adapter.method()))) {
            adapter.attach(decoder);
            var task = data.evaluationOf(folder, tokenizer, decoder);
            try (var bar = progress.bar("evaluating", task.evaluation().size())) {
                var result = Evaluation.of(decoder, task, true, folder.config().endOfText(), bar::to);
                bar.close();
                System.out.println(Report.evaluation(result));
            }
        }
        return 0;
    }
}
