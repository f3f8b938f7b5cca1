package lorikeet.kernels;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;

/**
 * The user's private folder for what can be made again: {@code $LORIKEET_CACHE}, else {@code $XDG_CACHE_HOME/lorikeet},
 * else {@code ~/.cache/lorikeet}. What lies in it has its version in its name and never changes.
 */
public final class CacheFolder {
    private CacheFolder() {}

    /** Fills an empty folder. */
    public interface Filler {
        void fill(Path folder) throws IOException;
    }

    /**
     * The folder {@code name} of the cache, filled if it is not there yet. It appears complete or not at all, also when
     * several processes ask at once. Where the cache cannot be written, it is a temporary folder of this process.
     */
    public static Path folder(String name, Filler filler) throws IOException {
        return folder(root(), name, filler);
    }

    static Path folder(Path root, String name, Filler filler) throws IOException {
        var folder = root.resolve(name);
        if (Files.isDirectory(folder)) {
            return folder;
        }
        Path beside;
        try {
            createPrivate(root);
            beside = Files.createTempDirectory(root, name);
        } catch (IOException | SecurityException e) {
            return temporary(name, filler);
        }
        try {
            filler.fill(beside);
            Files.move(beside, folder);
        } catch (IOException e) {
            delete(beside);
            if (!Files.isDirectory(folder)) { // else another process was quicker, and its folder is as good
                return temporary(name, filler);
            }
        }
        return folder;
    }

    private static Path root() {
        var own = System.getenv("LORIKEET_CACHE");
        if (own != null && !own.isBlank()) {
            return Path.of(own);
        }
        var shared = System.getenv("XDG_CACHE_HOME");
        if (shared != null && Path.of(shared).isAbsolute()) { // the XDG rules ignore relative paths
            return Path.of(shared, "lorikeet");
        }
        return Path.of(System.getProperty("user.home"), ".cache", "lorikeet");
    }

    private static void createPrivate(Path folder) throws IOException {
        if (Files.isDirectory(folder)) {
            return;
        }
        Files.createDirectories(folder);
        var file = folder.toFile();
        boolean restricted = file.setReadable(false, false) & file.setReadable(true, true)
                & file.setWritable(false, false) & file.setWritable(true, true)
                & file.setExecutable(false, false) & file.setExecutable(true, true);
        if (!restricted && folder.getFileSystem().supportedFileAttributeViews().contains("posix")) {
            throw new IOException("cannot make " + folder + " private");
        }
    }

    private static Path temporary(String name, Filler filler) throws IOException {
        var folder = Files.createTempDirectory("lorikeet-" + name);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                delete(folder);
            } catch (IOException e) {
                throw new UncheckedIOException(e); // Windows keeps loaded libraries until the process has ended
            }
        }));
        filler.fill(folder);
        return folder;
    }

    private static void delete(Path folder) throws IOException {
        Files.walkFileTree(folder, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.delete(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path folder, IOException failure) throws IOException {
                Files.delete(folder);
                return FileVisitResult.CONTINUE;
            }
        });
    }
}
