package lorikeet.peft.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import lorikeet.engine.AtomicFile;
import lorikeet.kernels.DType;
import lorikeet.kernels.Precision;
import lorikeet.model.Decoder;
import lorikeet.model.Dropouts;
import lorikeet.model.text.Tokenizer;
import lorikeet.peft.AdapterFolder;
import lorikeet.peft.Method;
import lorikeet.peft.explain.Explanation;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What an adapter has learned. */
@Command(name = "explain", sortOptions = false,
        description = "Says what an adapter has learned. For LoRA, DoRA, full fine-tuning and last layers: what is added to "
                + "each matrix, in how many directions, and how far the base has and the adapter amplifies them. For soft "
                + "prompts: the real tokens nearest to each vector. For prefixes, series and parallel adapters: how large "
                + "they are in each block. For all that is trained of the base itself: how far it moved.",
        footer = {"", "Examples:", "  lorikeet explain runs/lora-topics",
            "  lorikeet explain my-adapter --base my-gpt2 --out explained",
            "  lorikeet explain rank-4 --against rank-64 --json"})
final class Explain implements Callable<Integer> {
    @Parameters(paramLabel = "ADAPTER", description = "The folder of an adapter.")
    private Path adapter;

    @Option(names = "--base", defaultValue = BaseOptions.BUNDLED, paramLabel = "bundled|DIR",
            description = "What the adapter was trained on. Default: ${DEFAULT-VALUE}.")
    private String base;

    @Option(names = "--against", paramLabel = "DIR",
            description = "Another adapter of the same base, of another rank or seed, say: also say how far both have found "
                    + "the same directions.")
    private Path against;

    @Option(names = "--directions", paramLabel = "N",
            description = "How many directions of each change are held against the base's weight. Default: LoRA's rank, 8 for "
                    + "other methods.")
    private Integer directions;

    @Option(names = "--nearest", defaultValue = "5", paramLabel = "N",
            description = "Real tokens for each vector of a soft prompt. Default: ${DEFAULT-VALUE}.")
    private int nearest;

    @Option(names = "--json", description = "Print JSON, which also has what is too long for the text.")
    private boolean json;

    @Option(names = "--out", paramLabel = "DIR",
            description = "Write explain.txt, explain.json and pictures into this folder.")
    private Path out;

    @Option(names = "--force", description = "Replace what an earlier run left there.")
    private boolean force;

    @Override
    public Integer call() throws IOException {
        if (directions != null && directions < 1 || nearest < 1) {
            throw new WrongUsage("--directions, --nearest: expected at least 1");
        }
        if (force && out == null) {
            throw new WrongUsage("--force: means something only with --out");
        }
        if (out != null) {
            new OutOption(out, force).requireFree();
        }
        var method = AdapterFolder.readMethod(adapter);
        var folder = BaseOptions.folder(base);
        try (var on = DeviceOptions.open("cpu", Precision.STRICT, 0);
                var decoder = folder.load(on, DType.F32, Dropouts.NONE);
                var tokenizer = BaseOptions.tokenizer(folder)) {
            var explanation = explain(adapter, method, decoder, tokenizer);
            if (explanation.isEmpty()) {
                throw new IllegalArgumentException(adapter + ": has learned nothing yet: it does what the base does");
            }
            if (against != null) {
                explanation.against(explain(against, AdapterFolder.readMethod(against), decoder, tokenizer));
            }
            say(explanation, method.name());
        }
        return 0;
    }

    private Explanation explain(Path folder, Method method, Decoder decoder, Tokenizer tokenizer) throws IOException {
        var loaded = AdapterFolder.load(folder, method, decoder);
        try {
            return Explanation.of(decoder, loaded, tokenizer, new Explanation.Options(directions, nearest));
        } finally {
            loaded.detach();
        }
    }

    private void say(Explanation explanation, String method) throws IOException {
        var text = "adapter   %s, %s on %s%s%n%n%s".formatted(adapter, method, base,
                against == null ? "" : ", against " + against, explanation.text());
        var object = new ObjectMapper().createObjectNode();
        object.put("adapter", adapter.toString()).put("method", method).put("base", base);
        if (against != null) {
            object.put("against", against.toString());
        }
        explanation.addTo(object);
        if (out != null) {
            new OutOption(out, force).claim();
            write("explain.txt", text);
            write("explain.json", Report.json(object));
            pictures(explanation);
        }
        System.out.print(json ? Report.json(object) : text);
    }

    private void pictures(Explanation explanation) throws IOException {
        try {
            var names = explanation.writePictures(out);
            System.err.printf("in %s: explain.txt, explain.json, %s%n", out, String.join(", ", names));
        } catch (LinkageError | InternalError | RuntimeException e) { // Java's, where a system has no fonts
            System.err.println("lorikeet: no pictures: " + e);
        }
    }

    private void write(String name, String text) throws IOException {
        AtomicFile.write(out.resolve(name), channel -> channel.write(StandardCharsets.UTF_8.encode(text)));
    }
}
