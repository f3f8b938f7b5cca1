package lorikeet.model.text;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Properties;
import lorikeet.kernels.CacheFolder;

/**
 * Loads the Hugging Face tokenizers library out of DJL's jar. DJL's own loader is not used: it looks for CUDA, may get
 * other builds and reports usage over the network. Nothing of DJL runs here but the class with the native calls.
 */
final class NativeTokenizers {
    private static TokenizersLibrary library;

    private NativeTokenizers() {}

    /** @throws IllegalStateException if it cannot be loaded; a static initialiser would hide what is wrong */
    static synchronized TokenizersLibrary library() {
        if (library == null) {
            library = load();
        }
        return library;
    }

    private static TokenizersLibrary load() {
        var os = System.getProperty("os.name").toLowerCase(Locale.ROOT);
        var arch = System.getProperty("os.arch");
        var system = os.startsWith("windows") ? "win" : os.startsWith("mac") ? "osx" : os;
        var platform = system + "-" + (arch.equals("amd64") ? "x86_64" : arch);
        var name = System.mapLibraryName("tokenizers");
        var files = system.equals("win")
                ? List.of("libwinpthread-1.dll", "libgcc_s_seh-1.dll", "libstdc++-6.dll", name) // in order of need
                : List.of(name);
        try {
            var version = new Properties();
            try (var in = resource("tokenizers.properties")) {
                version.load(in);
            }
            var folder = CacheFolder.folder("tokenizers-" + version.getProperty("version") + "-" + platform,
                    empty -> unpack(files, platform, empty));
            files.forEach(file -> System.load(folder.resolve(file).toAbsolutePath().toString()));
        } catch (FileNotFoundException e) {
            throw new IllegalStateException("the tokenizers library does not exist for " + platform, e);
        } catch (IOException e) {
            throw new IllegalStateException("cannot unpack the tokenizers library: " + e
                    + " (the environment variable LORIKEET_CACHE can name another folder)", e);
        } catch (UnsatisfiedLinkError e) {
            throw new IllegalStateException("cannot load the tokenizers library: " + e.getMessage()
                    + " (the environment variable LORIKEET_CACHE can name another folder)", e);
        }
        return TokenizersLibrary.LIB;
    }

    private static void unpack(List<String> files, String platform, Path folder) throws IOException {
        for (var file : files) {
            try (var in = resource(platform + "/cpu/" + file)) {
                Files.copy(in, folder.resolve(file));
            }
        }
    }

    private static java.io.InputStream resource(String name) throws IOException {
        var in = TokenizersLibrary.class.getResourceAsStream("/native/lib/" + name);
        if (in == null) {
            throw new FileNotFoundException(name);
        }
        return in;
    }
}
