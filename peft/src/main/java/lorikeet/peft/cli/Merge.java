package lorikeet.peft.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import lorikeet.kernels.DType;
import lorikeet.model.ModelFolder;
import lorikeet.peft.Mergeable;
import lorikeet.peft.Selection;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Base and adapter as one plain model folder. */
@Command(name = "merge", sortOptions = false,
        description = "Writes base and adapter as one plain Hugging Face folder that needs no adapter any more.",
        footer = {
            "", "Example:", "  lorikeet merge --base my-gpt2 --adapter my-adapter --out my-tuned-gpt2"})
final class Merge implements Callable<Integer> {
    @Mixin
    private BaseOptions base;
    @Mixin
    private AdapterOption adapter;
    @Mixin
    private OutOption out;

    @Option(names = "--device", defaultValue = "cpu", paramLabel = "NAME",
            description = "Where to compute. Default: ${DEFAULT-VALUE}.")
    private String device;

    @Option(names = "--dtype", defaultValue = "F32", paramLabel = "NAME",
            description = "How to store the weights, f32 or bf16. Default: ${DEFAULT-VALUE}.")
    private DType dtype;

    @Override
    public Integer call() throws IOException {
        if (adapter.adapter == null) {
            throw new IllegalArgumentException("--adapter: expected the folder of the adapter to merge");
        }
        if (dtype == DType.I32) {
            throw new IllegalArgumentException("--dtype: expected f32 or bf16");
        }
        var folder = base.folder();
        out.claim();
        try (var on = lorikeet.kernels.Devices.open(device, lorikeet.kernels.Precision.STRICT, 0);
                var decoder = base.load(folder, on, true)) {
            switch (adapter.attach(decoder)) {
                case Mergeable mergeable -> mergeable.merge();
                case Selection.Attached _ -> {} // its numbers are the base's already
                case lorikeet.peft.Adapter other -> throw new IllegalArgumentException(
                        other.method().name() + " cannot be merged into the base's weights");
            }
            var tokenizer = Files.exists(folder.tokenizer()) ? folder.tokenizer() : (Path) null;
            ModelFolder.save(out.folder, decoder, folder.config(), tokenizer, dtype);
        }
        System.out.println(out.folder);
        return 0;
    }
}
