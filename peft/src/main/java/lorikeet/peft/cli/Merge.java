package lorikeet.peft.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import lorikeet.kernels.DType;
import lorikeet.kernels.Precision;
import lorikeet.model.Decoder;
import lorikeet.model.ModelFolder;
import lorikeet.peft.Adapter;
import lorikeet.peft.AdapterFolder;
import lorikeet.peft.LoraCombination;
import lorikeet.peft.Mergeable;
import lorikeet.peft.Probe;
import lorikeet.peft.Selection;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Base and adapter as one plain model folder, or several LoRA adapters as one. */
@Command(name = "merge", sortOptions = false,
        description = "Writes base and adapter as one plain Hugging Face folder that needs no adapter any more. Several "
                + "LoRA adapters are combined first, each with its weight.",
        footer = {
            "", "Examples:", "  lorikeet merge --base my-gpt2 --adapter my-adapter --out my-tuned-gpt2",
            "  lorikeet merge --adapter poems=0.7 --adapter letters=0.3 --combine svd --keep-adapter --out both"})
final class Merge implements Callable<Integer> {
    @Mixin
    private BaseOptions base;
    @Mixin
    private OutOption out;

    @Option(names = "--adapter", required = true, paramLabel = "DIR[=WEIGHT]",
            description = "The folder of an adapter; several of LoRA with their weights. Default weight: 1.")
    private List<String> adapters;

    @Option(names = "--combine", paramLabel = "NAME",
            description = "How several LoRA adapters become one: cat (exactly their weighted sum, at the sum of their "
                    + "ranks), svd (its best approximation at the largest of their ranks) or linear (weighted sums of "
                    + "the A's and of the B's). Default: cat.")
    private LoraCombination combination;

    @Option(names = "--keep-adapter",
            description = "Write the combination as an adapter folder instead of merging it into the base.")
    private boolean keepAdapter;

    @Option(names = "--device", defaultValue = "cpu", paramLabel = "NAME",
            description = "Where to compute. Default: ${DEFAULT-VALUE}.")
    private String device;

    @Mixin
    private StorageOption storage;

    @Override
    public Integer call() throws IOException {
        if (keepAdapter && storage.isGiven()) {
            throw new WrongUsage("--dtype means nothing to --keep-adapter: adapters are stored in f32");
        }
        if (combination != null && adapters.size() == 1) {
            throw new WrongUsage("--combine: expected several --adapter");
        }
        var folder = base.folder();
        out.requireFree();
        try (var on = DeviceOptions.open(device, Precision.STRICT, 0);
                var decoder = BaseOptions.load(folder, on, true)) {
            var adapter = adapter(decoder);
            if (keepAdapter) {
                AdapterFolder.save(out.folder, adapter, base.base);
            } else {
                merge(folder, decoder, adapter);
            }
        }
        System.out.println(out.folder);
        return 0;
    }

    /** The only adapter, or the combination of all. */
    private Adapter adapter(Decoder decoder) throws IOException {
        var parts = adapters.stream().map(Weighted::parse).toList();
        if (parts.size() == 1 && parts.getFirst().weight == 1) {
            return AdapterFolder.load(parts.getFirst().folder, decoder);
        }
        var loaded = new ArrayList<Adapter>();
        var weights = new float[parts.size()];
        for (var part : parts) {
            var adapter = AdapterFolder.load(part.folder, decoder);
            adapter.unplug();
            weights[loaded.size()] = part.weight;
            loaded.add(adapter);
        }
        var combined = (combination == null ? LoraCombination.CAT : combination).of(decoder, loaded, weights);
        loaded.forEach(Adapter::detach);
        return combined;
    }

    /** A folder as it was given, and what stands behind its last "="; a folder that is there may have one in its name. */
    private record Weighted(Path folder, float weight) {
        static Weighted parse(String text) {
            int equals = text.lastIndexOf('=');
            if (equals < 0 || Files.isDirectory(Path.of(text))) {
                return new Weighted(Path.of(text), 1);
            }
            float weight = number(text.substring(equals + 1));
            if (!Float.isFinite(weight)) {
                throw new WrongUsage("--adapter: expected a folder, or a folder=weight, not " + text);
            }
            return new Weighted(Path.of(text.substring(0, equals)), weight);
        }
    }

    private static float number(String text) {
        try {
            return Float.parseFloat(text);
        } catch (NumberFormatException _) {
            return Float.NaN;
        }
    }

    private void merge(ModelFolder folder, Decoder decoder, Adapter adapter) throws IOException {
        var probe = storage.dtype() == DType.BF16 ? Probe.of(decoder) : null;
        switch (adapter) {
            case Mergeable mergeable -> mergeable.merge();
            case Selection.Attached _ -> {} // its numbers are the base's already
            default -> throw new IllegalArgumentException(
                    adapter.method().name() + " cannot be merged into the base's weights");
        }
        folder.saveWith(decoder, out.folder, storage.dtype());
        if (probe != null) {
            Probe.roundToBf16(decoder);
            System.err.println("merged into weights in bf16: " + probe.moved());
        }
    }
}
