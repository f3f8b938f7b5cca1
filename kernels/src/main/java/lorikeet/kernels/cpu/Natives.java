package lorikeet.kernels.cpu;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.net.URL;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Locale;

/**
 * The native libraries of oneDNN out of the jar that Bytedeco publishes: unpacked once into a folder of ours that carries
 * the version, then loaded from there.
 */
final class Natives {
    private static final String VERSION = "dnnl-3.13-1.5.14";

    private Natives() {}

    /** The library's symbols; loading it also loads the OpenMP runtime beside it, which it needs. */
    static SymbolLookup oneDnn() throws IOException {
        var platform = platform();
        var names = switch (platform) {
            case "linux-x86_64", "linux-arm64" -> List.of("dnnl/libgomp.so.1", "dnnl/libdnnl.so.3");
            case "macosx-x86_64" -> List.of("dnnl/libiomp5.dylib", "dnnl/libdnnl.3.dylib");
            case "macosx-arm64" -> List.of("dnnl/libomp.dylib", "dnnl/libdnnl.3.dylib");
            case "windows-x86_64" -> List.of("javacpp/vcruntime140.dll", "javacpp/vcruntime140_1.dll",
                    "javacpp/msvcp140.dll", "javacpp/vcomp140.dll", "dnnl/dnnl.dll");
            default -> throw new IOException("there is no oneDNN for " + platform);
        };
        var folder = cache().resolve(VERSION + "-" + platform);
        SymbolLookup last = null;
        for (var name : names) {
            var resource = "/org/bytedeco/" + name.replace("/", "/" + platform + "/");
            var url = Natives.class.getResource(resource);
            if (url == null) {
                throw new IOException("the class path lacks " + resource.substring(1));
            }
            var file = folder.resolve(name.substring(name.indexOf('/') + 1));
            unpack(url, file);
            last = SymbolLookup.libraryLookup(file, Arena.global());
        }
        return last;
    }

    /** Bytedeco's name for a platform. */
    private static String platform() {
        var os = System.getProperty("os.name").toLowerCase(Locale.ROOT);
        var arch = System.getProperty("os.arch").toLowerCase(Locale.ROOT);
        return (os.startsWith("linux")
                ? "linux"
                : os.startsWith("mac") ? "macosx" : os.startsWith("windows") ? "windows" : os)
                + "-" + switch (arch) {
                    case "amd64", "x86_64" -> "x86_64";
                    case "aarch64", "arm64" -> "arm64";
                    default -> arch;
                };
    }

    /** {@code -Dlorikeet.cache=DIR}, or the user's cache folder. */
    private static Path cache() {
        var chosen = System.getProperty("lorikeet.cache");
        if (chosen != null) {
            return Path.of(chosen);
        }
        var xdg = System.getenv("XDG_CACHE_HOME");
        var parent = xdg == null || xdg.isEmpty() ? Path.of(System.getProperty("user.home"), ".cache") : Path.of(xdg);
        return parent.resolve("lorikeet");
    }

    /** Copies beside the target and renames, so that another process sees all of the file or none of it. */
    private static void unpack(URL resource, Path file) throws IOException {
        var connection = resource.openConnection();
        if (Files.exists(file) && Files.size(file) == connection.getContentLengthLong()) {
            return;
        }
        Files.createDirectories(file.getParent());
        var part = Files.createTempFile(file.getParent(), file.getFileName().toString(), ".part");
        try (var in = connection.getInputStream()) {
            Files.copy(in, part, StandardCopyOption.REPLACE_EXISTING);
            try {
                Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
            } catch (AtomicMoveNotSupportedException _) {
                Files.move(part, file, StandardCopyOption.REPLACE_EXISTING);
            }
        } finally {
            Files.deleteIfExists(part);
        }
    }
}
