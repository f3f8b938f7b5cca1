package lorikeet.peft.cli;

import java.io.IOException;
import java.util.concurrent.Callable;
import lorikeet.model.Decoder;
import lorikeet.model.Generation;
import lorikeet.model.Sampling;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Text from a prompt. */
@Command(name = "generate", sortOptions = false, description = "Continues a text.", footer = {"", "Examples:",
    "  lorikeet generate \"Word: lorikeet\"",
    "  lorikeet generate --adapter runs/lora-topics \"Definition: a small parrot\\nTopic:\"",
    "  lorikeet generate --base my-gpt2 --temperature 0.8 --top-p 0.95 --max-tokens 100 \"Once upon a time\""})
final class Generate implements Callable<Integer> {
    @Mixin
    private BaseOptions base;
    @Mixin
    private AdapterOption adapter;
    @Mixin
    private DeviceOptions device;

    @Parameters(paramLabel = "PROMPT", description = "The text to continue; \\n in it is a line break.")
    private String prompt;

    @Option(names = "--max-tokens", defaultValue = "60", paramLabel = "N",
            description = "Most new tokens. Default: ${DEFAULT-VALUE}.")
    private int maxTokens;

    @Option(names = "--temperature", defaultValue = "0", paramLabel = "X",
            description = "0 always takes the likeliest token; 1 draws from the model's probabilities. Default: ${DEFAULT-VALUE}.")
    private float temperature;

    @Option(names = "--top-k", defaultValue = "0", paramLabel = "N",
            description = "Draw from the N likeliest tokens only; 0 = all. Default: ${DEFAULT-VALUE}.")
    private int topK;

    @Option(names = "--top-p", defaultValue = "1", paramLabel = "P",
            description = "Draw from the likeliest tokens that together reach this probability. Default: ${DEFAULT-VALUE}.")
    private float topP;

    @Option(names = "--seed", defaultValue = "0", paramLabel = "N",
            description = "Of the draws. Default: ${DEFAULT-VALUE}.")
    private long seed;

    @Override
    public Integer call() throws IOException {
        if (maxTokens < 0) {
            throw new WrongUsage("--max-tokens: expected at least 0");
        }
        var sampling = sampling();
        var folder = base.folder();
        try (var on = device.open();
                var tokenizer = BaseOptions.tokenizer(folder);
                var decoder = BaseOptions.load(folder, on, AdapterOption.trainsBase(adapter.method()))) {
            if (tokenizer == null) {
                throw new IOException(folder.path() + ": generating text needs a tokenizer.json");
            }
            adapter.attach(decoder);
            var text = prompt.replace("\\n", "\n");
            var ids = tokenizer.encode(text);
            if (ids.length == 0) {
                ids = new int[] {tokenizer.endOfText()}; // a text of its own starts where another ends
            }
            requireRoom(decoder, ids.length);
            System.out.print(text);
            var stream = tokenizer.stream();
            Generation.continueText(decoder, ids, maxTokens, tokenizer.endOfText(), sampling, token -> {
                System.out.print(stream.next(token));
                System.out.flush();
            });
            System.out.println(stream.end());
        }
        return 0;
    }

    private static void requireRoom(Decoder decoder, int tokens) {
        int room = decoder.shape().context() - decoder.virtualTokens();
        if (tokens > room) {
            throw new IllegalArgumentException("the prompt has %,d tokens, but the model's context takes %,d%s"
                    .formatted(tokens, room, decoder.virtualTokens() == 0 ? "" : " beside the virtual tokens"));
        }
    }

    private Sampling sampling() {
        try {
            return new Sampling(temperature, topK, topP, seed);
        } catch (IllegalArgumentException e) {
            throw new WrongUsage(e.getMessage());
        }
    }
}
