package lorikeet.peft.cli;

import java.io.IOException;
import java.nio.file.Path;
import lorikeet.model.Decoder;
import lorikeet.peft.Adapter;
import lorikeet.peft.AdapterFolder;
import lorikeet.peft.Method;
import lorikeet.peft.Selection;
import picocli.CommandLine.Option;

/** An adapter to be used with the base. */
final class AdapterOption {
    @Option(names = "--adapter", paramLabel = "DIR",
            description = "A folder with adapter_config.json and adapter_model.safetensors, as finetune or Hugging Face PEFT "
                    + "write it.")
    Path adapter;

    private Method method;

    /** The adapter's method, or null without an adapter. It is read once, so that remarks on it are made once. */
    Method method() throws IOException {
        if (method == null && adapter != null) {
            method = AdapterFolder.readMethod(adapter);
        }
        return method;
    }

    /** Attaches the adapter, if there is one, and answers it, else null. */
    Adapter attach(Decoder decoder) throws IOException {
        return adapter == null ? null : AdapterFolder.load(adapter, method(), decoder);
    }

    /** Whether a method writes into the base's own weights. */
    static boolean trainsBase(Method method) {
        return method instanceof Selection;
    }
}
