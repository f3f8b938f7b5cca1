package lorikeet.kernels;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.regex.Pattern;

/**
 * The user's private folder for what can be made again: {@code $LORIKEET_CACHE}, else {@code $XDG_CACHE_HOME/lorikeet},
 * else {@code ~/.cache/lorikeet}. What lies in it has its version in its name and never changes.
 */
public final class CacheFolder {
    /**
     * Younger folders are left alone: where several machines or containers share a cache, a process that is not to be seen from
     * here may be filling them.
     */
    private static final Duration ABANDONED = Duration.ofHours(1);
    /** How the names of folders begin that end with the process whose number follows. */
    private static final String UNFINISHED = ".lorikeet-";
    private static final Pattern OF_PROCESS = Pattern.compile(Pattern.quote(UNFINISHED) + "(\\d{1,18})-.*");

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
        removeAbandoned(root);
        if (Files.isDirectory(folder)) {
            return folder;
        }
        Path beside;
        try {
            createPrivate(root);
            beside = Files.createTempDirectory(root, UNFINISHED + ProcessHandle.current().pid() + "-");
        } catch (IOException | SecurityException e) {
            return temporary(filler);
        }
        try {
            filler.fill(beside);
            Files.move(beside, folder);
        } catch (IOException e) {
            delete(beside);
            if (!Files.isDirectory(folder)) { // else another process was quicker, and its folder is as good
                return temporary(filler);
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

    private static Path temporary(Filler filler) throws IOException {
        removeAbandoned(Path.of(System.getProperty("java.io.tmpdir")));
        var folder = Files.createTempDirectory(UNFINISHED + ProcessHandle.current().pid() + "-");
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

    /** Deletes what processes that were killed have left behind. */
    private static void removeAbandoned(Path where) {
        try (var folders = Files.newDirectoryStream(where, UNFINISHED + "*")) {
            var latest = FileTime.from(Instant.now().minus(ABANDONED));
            for (var folder : folders) {
                var process = OF_PROCESS.matcher(folder.getFileName().toString());
                if (process.matches() && ProcessHandle.of(Long.parseLong(process.group(1))).isEmpty()
                        && Files.getLastModifiedTime(folder).compareTo(latest) < 0) {
                    delete(folder);
                }
            }
        } catch (IOException | DirectoryIteratorException e) {
            // there is no such folder yet, or what lies in it is another user's
        }
    }

    /** Does nothing where another process was quicker. */
    private static void delete(Path folder) throws IOException {
        Files.walkFileTree(folder, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.deleteIfExists(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException failure) throws IOException {
                if (!(failure instanceof NoSuchFileException)) {
                    throw failure;
                }
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path folder, IOException failure) throws IOException {
                Files.deleteIfExists(folder);
                return FileVisitResult.CONTINUE;
            }
        });
    }
}
