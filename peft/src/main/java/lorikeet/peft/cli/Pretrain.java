package lorikeet.peft.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.IntFunction;
import lorikeet.engine.AdamWOptimizer;
import lorikeet.engine.Schedule;
import lorikeet.engine.Tensor;
import lorikeet.model.Decoder;
import lorikeet.model.Dropouts;
import lorikeet.model.Evaluation;
import lorikeet.model.ModelConfig;
import lorikeet.model.ModelFolder;
import lorikeet.model.ModelShape;
import lorikeet.model.Pretraining;
import lorikeet.model.Training;
import lorikeet.model.data.Example;
import lorikeet.model.data.PretrainingText;
import lorikeet.model.data.Task;
import lorikeet.model.data.TextExample;
import lorikeet.model.data.WordNet;
import lorikeet.model.text.BpeTrainer;
import lorikeet.model.text.Tokenizer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** A base from nothing. */
@Command(name = "pretrain", sortOptions = false,
        description = "Trains a decoder and its tokenizer from text: WordNet's definitions and examples (without the tenth that "
                + "is held out for evaluation), or a text file of one document a line. The bundled base was made by "
                + "pretrain --dtype bf16 with no other options.",
        footer = {"", "Examples:",
            "  lorikeet pretrain --out my-base",
            "  lorikeet pretrain --text stories.txt --layers 4 --width 128 --heads 4 --steps 1000 --out tiny"})
final class Pretrain implements Callable<Integer> {
    private static final float BETA_2 = 0.95f;
    private static final float DECAY = 0.1f;
    private static final int HELD_OUT = 2000;

    @Mixin
    private OutOption out;
    @Mixin
    private DeviceOptions device;
    @Mixin
    private ProgressOption progress;

    @Option(names = "--text", paramLabel = "FILE", description = "One document a line. Default: WordNet.")
    private Path text;
    @Option(names = "--vocabulary", defaultValue = "5120", paramLabel = "N",
            description = "Tokens. Default: ${DEFAULT-VALUE}.")
    private int vocabulary;
    @Option(names = "--context", defaultValue = "256", paramLabel = "N",
            description = "Longest sequence. Default: ${DEFAULT-VALUE}.")
    private int context;
    @Option(names = "--width", defaultValue = "256", paramLabel = "N",
            description = "Numbers per token between layers. Default: ${DEFAULT-VALUE}.")
    private int width;
    @Option(names = "--layers", defaultValue = "6", paramLabel = "N",
            description = "Layers. Default: ${DEFAULT-VALUE}.")
    private int layers;
    @Option(names = "--heads", defaultValue = "8", paramLabel = "N",
            description = "Attention heads. Default: ${DEFAULT-VALUE}.")
    private int heads;
    @Option(names = "--steps", defaultValue = "3200", paramLabel = "N",
            description = "Optimizer steps. Default: ${DEFAULT-VALUE}.")
    private int steps;
    @Option(names = "--batch-tokens", defaultValue = "4096", paramLabel = "N",
            description = "Tokens in each step. Default: ${DEFAULT-VALUE}.")
    private int batchTokens;
    @Option(names = "--lr", defaultValue = "1.5e-3", paramLabel = "X",
            description = "Highest learning rate, after which it falls along half a cosine. Default: ${DEFAULT-VALUE}.")
    private float rate;
    @Option(names = "--warmup", defaultValue = "200", paramLabel = "N",
            description = "Steps until it is reached. Default: ${DEFAULT-VALUE}.")
    private int warmup;
    @Option(names = "--seed", defaultValue = "1", paramLabel = "N",
            description = "Of first values and order. Default: ${DEFAULT-VALUE}.")
    private long seed;
    @Option(names = "--save-every", defaultValue = "500", paramLabel = "N",
            description = "Write the model every N steps too; 0 = only at the end. Default: ${DEFAULT-VALUE}.")
    private int saveEvery;
    @Mixin
    private StorageOption storage;

    /** Training documents of each pass, and documents to be evaluated with. */
    private record Corpus(IntFunction<List<String>> training, List<String> heldOut) {}

    @Override
    public Integer call() throws IOException {
        check();
        var corpus = text == null ? wordNet() : lines(text);
        try (var on = device.open(); var tokenizer = tokenizer(corpus)) {
            var shape = ModelShape.gpt2(tokenizer.vocabularySize(), context, width, layers, heads);
            var config = new ModelConfig(shape, Dropouts.NONE, tokenizer.endOfText());
            System.err.printf("model     %,d parameters; %s%n", shape.parameters(), on.description());
            try (var decoder = Pretraining.newDecoder(on, shape, Dropouts.NONE, seed)) {
                train(decoder, config, tokenizer, corpus);
                ModelFolder.save(out.folder, decoder, config, storage.dtype());
                var heldOut = tokens(corpus.heldOut, tokenizer);
                var task = new Task("held out", List.of(), heldOut, List.of());
                var evaluation = Evaluation.of(decoder, task, false, config.endOfText(), _ -> {});
                System.out.println(Report.evaluation(evaluation));
            }
        }
        System.out.println(out.folder);
        return 0;
    }

    /** Trains it, the first that is written. */
    private Tokenizer tokenizer(Corpus corpus) throws IOException {
        out.claim();
        var file = out.folder.resolve("tokenizer.json");
        BpeTrainer.train(corpus.training.apply(0), vocabulary).write(file);
        return Tokenizer.open(file);
    }

    private void check() {
        if (vocabulary < 257 || context < 2 || layers < 1 || batchTokens < 1) {
            throw new WrongUsage(
                    "--vocabulary is at least 257, --context 2, --layers and --batch-tokens 1");
        }
        if (width < 1 || heads < 1 || width % heads != 0) {
            throw new WrongUsage("--width: expected a multiple of --heads, which is at least 1");
        }
        if (steps < 0 || warmup < 0 || saveEvery < 0 || !TrainingOptions.isSize(rate)) {
            throw new WrongUsage("--steps, --warmup, --save-every and --lr are at least 0");
        }
    }

    private Corpus wordNet() {
        var wordNet = WordNet.load();
        var heldOut = PretrainingText.documents(wordNet.heldOut(), seed, 0);
        return new Corpus(pass -> PretrainingText.documents(wordNet.training(), seed, pass), first(heldOut));
    }

    private static Corpus lines(Path file) throws IOException {
        List<String> lines;
        try {
            lines = Files.readAllLines(file).stream().filter(line -> !line.isBlank()).toList();
        } catch (CharacterCodingException e) {
            throw new IOException(file + ": not UTF-8 text", e);
        }
        if (lines.size() < 20) {
            throw new IOException(file + ": expected at least 20 lines, one document each, found " + lines.size());
        }
        int heldOut = Math.max(1, lines.size() / 10);
        var training = lines.subList(heldOut, lines.size());
        return new Corpus(_ -> training, first(lines.subList(0, heldOut)));
    }

    private static List<String> first(List<String> documents) {
        return documents.subList(0, Math.min(HELD_OUT, documents.size()));
    }

    private List<Example> tokens(List<String> documents, Tokenizer tokenizer) {
        var examples = TextExample.encode(documents.stream().map(TextExample::text).toList(), tokenizer);
        return examples.stream().filter(example -> example.length() <= context).toList();
    }

    private void train(Decoder decoder, ModelConfig config, Tokenizer tokenizer, Corpus corpus) throws IOException {
        var interrupts = Interrupts.listen();
        var stream = new Pretraining.Stream(pass -> TextExample
                .encode(corpus.training.apply(pass).stream().map(TextExample::text).toList(), tokenizer).stream()
                .map(Example::ids).toList(), batchTokens, context);
        var matrices = decoder.parameters().values().stream().filter(tensor -> tensor.shape().rank() > 1).toList();
        var others = decoder.parameters().values().stream().filter(tensor -> tensor.shape().rank() == 1).toList();
        var training = new Training(steps, 1, rate, new Schedule(Schedule.Kind.COSINE, warmup, steps), 1, seed, false);
        try (var optimizer = optimizer(matrices, others);
                var bar = progress.bar("training", steps);
                var metrics = new Metrics(out.folder.resolve("metrics.jsonl"))) {
            metrics.keep(0);
            training.run(decoder, optimizer, stream, 0, step -> {
                metrics.step(step);
                bar.to(step.step(), "loss %.3f, pass %d".formatted(step.loss(), stream.passes()));
                if (saveEvery > 0 && step.step() % saveEvery == 0) {
                    save(decoder, config);
                }
                return !interrupts.requested();
            });
        }
        if (interrupts.requested()) {
            save(decoder, config);
            throw new InterruptedRun();
        }
    }

    private void save(Decoder decoder, ModelConfig config) {
        try {
            ModelFolder.save(out.folder, decoder, config, storage.dtype());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static AdamWOptimizer optimizer(List<Tensor> matrices, List<Tensor> others) {
        return new AdamWOptimizer(
                List.of(new AdamWOptimizer.Group(matrices, DECAY, 1), new AdamWOptimizer.Group(others, 0, 1)),
                new AdamWOptimizer.Settings(0.9f, BETA_2, 1e-8f));
    }
}
