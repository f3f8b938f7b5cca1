package lorikeet.peft.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import lorikeet.engine.Printable;
import lorikeet.engine.SafetensorsFile;
import lorikeet.model.ModelConfig;
import lorikeet.model.ModelFolder;
import lorikeet.model.ModelShape;
import lorikeet.peft.AdapterFolder;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** What a folder or file holds. */
@Command(name = "inspect",
        description = "Says what a model folder, an adapter folder or a safetensors file holds.",
        footer = {
            "", "Examples:", "  lorikeet inspect my-gpt2", "  lorikeet inspect my-adapter",
            "  lorikeet inspect model.safetensors"})
final class Inspect implements Callable<Integer> {
    @Parameters(paramLabel = "PATH", description = "A model folder, an adapter folder or a safetensors file.")
    private Path path;

    @Override
    public Integer call() throws IOException {
        if (!Files.exists(path)) {
            throw new IOException(path + ": no such file or folder");
        }
        if (!Files.isDirectory(path)) {
            tensors(List.of(path));
        } else if (Files.exists(path.resolve("adapter_config.json"))) {
            System.out.println(printable(AdapterFolder.config(path)));
            try (var files = Files.list(path)) {
                tensors(files.filter(file -> file.toString().endsWith(".safetensors")).sorted().toList());
            }
        } else {
            var folder = ModelFolder.open(path);
            System.out.println(shape(folder.config().shape()));
            tensors(folder.weightFiles());
        }
        return 0;
    }

    /** The same lines, made fit to be shown. */
    private static String printable(String text) {
        return text.strip().lines().map(Printable::line).collect(Collectors.joining("\n"));
    }

    private static String shape(ModelShape shape) {
        return """
                %,d parameters in %,d layers of width %,d, with %,d heads and %,d numbers inside the MLP (%s)
                %,d tokens in the vocabulary, %,d in a sequence at most; the output layer is %s""".formatted(
                shape.parameters(), shape.layers(), shape.width(), shape.heads(), shape.inner(),
                ModelConfig.nameOf(shape.activation()), shape.vocabulary(), shape.context(),
                shape.tied() ? "the token embedding (tied)" : "one of its own");
    }

    private static void tensors(List<Path> files) throws IOException {
        long numbers = 0;
        long bytes = 0;
        for (var file : files) {
            try (var tensors = SafetensorsFile.open(file)) {
                System.out.println(file
                        + (tensors.metadata().isEmpty() ? "" : " " + Printable.line(tensors.metadata().toString())));
                for (var info : tensors.tensors()) {
                    System.out.printf("  %-4s %-20s %s%n", info.dtype(), info.shape(), Printable.line(info.name()));
                    numbers += info.elements();
                    bytes += info.bytes();
                }
            }
        }
        System.out.printf("%,d numbers, %,d bytes%n", numbers, bytes);
    }
}
