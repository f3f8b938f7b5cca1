package lorikeet.peft.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import lorikeet.engine.Autograd;
import lorikeet.engine.SafetensorsWriter;
import lorikeet.engine.Shape;
import lorikeet.model.Decoder;
import lorikeet.model.Pass;
import lorikeet.model.data.Batch;
import lorikeet.model.data.Example;
import lorikeet.model.data.JsonLines;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Logits of given tokens, for checking against other frameworks. */
@Command(name = "logits", sortOptions = false,
        description = "Writes the logits of given tokens as safetensors.",
        footer = {
            "", "Examples:", "  lorikeet logits --ids 464,3290,318 --out logits.safetensors",
            "  lorikeet logits --base my-gpt2 --adapter my-adapter --batch batch.jsonl --out logits.safetensors"})
final class Logits implements Callable<Integer> {
    /** What an array holds. */
    private static final int MOST = Integer.MAX_VALUE - 8;

    @Mixin
    private BaseOptions base;
    @Mixin
    private AdapterOption adapter;
    @Mixin
    private DeviceOptions device;

    @ArgGroup(multiplicity = "1")
    private Input input;

    private static final class Input {
        @Option(names = "--ids", split = ",", paramLabel = "N", description = "Token ids of one sequence.")
        private int[] ids;

        @Option(names = "--batch", paramLabel = "FILE",
                description = "JSON lines in any of the forms that finetune reads; the loss is printed too.")
        private Path batch;
    }

    @Option(names = "--out", required = true, paramLabel = "FILE",
            description = "Gets one tensor, logits [batch, length, vocabulary] in F32; the length includes virtual tokens "
                    + "of the adapter; rows of padding are 0.")
    private Path out;

    @Override
    public Integer call() throws IOException {
        var folder = base.folder();
        try (var on = device.open();
                var tokenizer = BaseOptions.tokenizer(folder);
                var decoder = BaseOptions.load(folder, on, AdapterOption.trainsBase(adapter.method()))) {
            adapter.attach(decoder);
            var examples = input.ids != null
                    ? List.of(new Example(input.ids, input.ids))
                    : JsonLines.read(input.batch, tokenizer, decoder.shape().vocabulary());
            write(decoder, examples);
            var batch = Batch.of(examples);
            int labels = batch.labelCount(decoder.promptLength());
            if (labels > 0) {
                try (var _ = on.memory().scope()) {
                    var loss = Autograd.off(
                            () -> decoder.loss(batch.sequences(), batch.labels(), 1f / labels, Pass.EVALUATION));
                    System.out.println("loss " + loss.item());
                }
            }
        }
        return 0;
    }

    /** Puts the rows, which the decoder has without padding, back into the padded shape. */
    private void write(Decoder decoder, List<Example> examples) throws IOException {
        int virtual = decoder.promptLength();
        int length = virtual + examples.stream().mapToInt(Example::padded).max().orElseThrow();
        int vocabulary = decoder.shape().vocabulary();
        if ((double) examples.size() * length * vocabulary > MOST) {
            throw new IllegalArgumentException("%s: expected at most %,d logits, not %,d examples × %,d tokens × %,d"
                    .formatted(input.batch == null ? "--ids" : input.batch, MOST, examples.size(), length, vocabulary));
        }
        var padded = new float[examples.size() * length * vocabulary];
        for (int e = 0; e < examples.size(); e++) {
            var example = examples.get(e);
            float[] rows;
            try (var _ = decoder.device().memory().scope()) {
                var sequences = Batch.of(List.of(example)).sequences();
                rows = Autograd.off(() -> decoder.logits(sequences, Pass.EVALUATION)).toArray();
            }
            int start = (e * length + example.padding()) * vocabulary;
            System.arraycopy(rows, 0, padded, start, rows.length);
        }
        var shape = Shape.of(examples.size(), length, vocabulary);
        SafetensorsWriter.write(out, Map.of(), List.of(SafetensorsWriter.Source.of("logits", shape, padded)));
    }
}
