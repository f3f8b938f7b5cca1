package lorikeet.peft.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/** A folder for results, which must not hold earlier ones. */
final class OutOption {
    @Option(names = "--out", required = true, paramLabel = "DIR", description = "Folder for the result.")
    Path folder;

    @Option(names = "--force", description = "Replace what an earlier run left there.")
    boolean force;

    OutOption() {}

    OutOption(Path folder, boolean force) {
        this.folder = folder;
        this.force = force;
    }

    /** @throws IOException if the folder has something in it, without {@code --force}; else it is there */
    void claim() throws IOException {
        requireFree();
        Files.createDirectories(folder);
    }

    /** The same for those who make the folder only when they have something to put into it. */
    void requireFree() throws IOException {
        if (Files.isRegularFile(folder)) {
            throw new IOException(folder + ": expected a folder, but it is a file");
        }
        if (!force && Files.isDirectory(folder)) {
            try (var content = Files.list(folder)) {
                if (content.findAny().isPresent()) {
                    throw new IOException(
                            folder + ": is not empty; choose another --out, or --force to replace files in it");
                }
            }
        }
    }
}
