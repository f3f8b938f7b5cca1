package lorikeet.peft.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import lorikeet.kernels.Device;
import lorikeet.model.Decoder;
import lorikeet.model.Evaluation;
import lorikeet.model.Generation;
import lorikeet.model.ModelFolder;
import lorikeet.model.RougeL;
import lorikeet.model.Training;
import lorikeet.model.data.Task;
import lorikeet.model.text.Tokenizer;
import lorikeet.peft.Adapter;
import lorikeet.peft.AdapterFolder;
import lorikeet.peft.comparison.Trial;

/**
 * Runs the trials of a comparison: each gets the base anew.
 *
 * @param tokenizer null where the base has none
 * @param generate  completions that ROUGE-L is measured on
 */
record TrialRunner(BaseOptions base, ModelFolder folder, Device device, Tokenizer tokenizer, TrainingOptions options,
        int generate) {
    private static final int BATCH_PROMPTS = 64;

    /** Evaluates the base as it is. */
    Trial evaluate(Trial.Setup setup, Task task) throws IOException {
        try (var decoder = BaseOptions.load(folder, device, false)) {
            return new Trial(setup, 0, decoder.shape().parameters(), List.of(), Double.NaN, Map.of(), 0,
                    score(decoder, task));
        }
    }

    /**
     * Trains and evaluates.
     *
     * @param each is told of each step
     */
    Trial train(Trial.Setup setup, Contestant contestant, Task task, Consumer<Training.Step> each)
            throws IOException {
        var method = contestant.method();
        try (var decoder = BaseOptions.load(folder, device, AdapterOption.trainsBase(method),
                options.model(folder.config()).dropouts())) {
            var adapter = method.attach(decoder, setup.seed());
            try {
                var steps = new ArrayList<Training.Step>();
                TrainingRun.Outcome outcome;
                try (var training = new TrainingRun(options, decoder, adapter, task, contestant.rate(options),
                        setup.seed())) {
                    outcome = training.go(step -> {
                        steps.add(step);
                        each.accept(step);
                        return true;
                    });
                }
                long added = adapter.size() - method.trainableOfBase(decoder.shape());
                return new Trial(setup, adapter.size(), decoder.shape().parameters() + added,
                        steps.stream().map(Training.Step::loss).toList(), medianSeconds(steps), outcome.memory(),
                        storedBytes(adapter), score(decoder, task));
            } finally {
                adapter.detach();
            }
        }
    }

    private static double medianSeconds(List<Training.Step> steps) {
        var seconds = steps.stream().mapToDouble(Training.Step::seconds).sorted().toArray();
        return seconds.length == 0 ? Double.NaN : seconds[seconds.length / 2];
    }

    private Trial.Score score(Decoder decoder, Task task) {
        boolean labelled = !task.labels().isEmpty();
        var evaluation = Evaluation.of(decoder, task, labelled, folder.config().endOfText(), _ -> {});
        return labelled
                ? new Trial.Score(evaluation.loss(), evaluation.accuracy(), evaluation.topFive(), null)
                : new Trial.Score(evaluation.loss(), null, null, rougeL(decoder, task));
    }

    /** Mean over the first held-out examples; null where the base has no tokenizer, or an example no prompt. */
    private Double rougeL(Decoder decoder, Task task) {
        var examples = task.evaluation().subList(0, Math.min(generate, task.evaluation().size()));
        if (tokenizer == null || examples.stream().anyMatch(example -> example.prompt().length == 0)) {
            return null;
        }
        int endOfText = folder.config().endOfText();
        double sum = 0;
        for (int from = 0; from < examples.size(); from += BATCH_PROMPTS) {
            var batch = examples.subList(from, Math.min(from + BATCH_PROMPTS, examples.size()));
            var wanted = batch.stream().map(example -> example.answer(endOfText)).toList();
            int longest = wanted.stream().mapToInt(answer -> answer.length).max().orElse(0);
            var texts = Generation.continueGreedily(decoder,
                    batch.stream().map(example -> example.prompt()).toList(), longest, endOfText);
            for (int i = 0; i < batch.size(); i++) {
                sum += RougeL.of(tokenizer.decode(wanted.get(i)), tokenizer.decode(texts.get(i)));
            }
        }
        return sum / examples.size();
    }

    /** Bytes of the adapter's folder, were it kept. */
    private long storedBytes(Adapter adapter) throws IOException {
        var scratch = Files.createTempDirectory("lorikeet-adapter");
        try {
            AdapterFolder.save(scratch, adapter, base.base);
            long bytes = 0;
            for (var file : files(scratch)) {
                bytes += Files.size(file);
            }
            return bytes;
        } finally {
            for (var file : files(scratch)) {
                Files.delete(file);
            }
            Files.delete(scratch);
        }
    }

    private static List<Path> files(Path folder) throws IOException {
        try (var files = Files.list(folder)) {
            return files.toList();
        }
    }
}
