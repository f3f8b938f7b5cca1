package lorikeet.kernels.cpu;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import lorikeet.kernels.CacheFolder;

/**
 * The native libraries of oneDNN out of the jar that Bytedeco publishes: unpacked once into a folder of ours that carries
 * the version, then loaded from there.
 */
final class Natives {
    private static final String VERSION = "dnnl-3.13-1.5.14";

    private Natives() {}

    /**
     * The symbols of the library and of those beside it that it needs, the OpenMP runtime among them: Windows does not look for
     * a symbol in what a library depends on.
     */
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
        var folder = CacheFolder.folder(VERSION + "-" + platform, empty -> unpack(names, platform, empty));
        SymbolLookup all = null;
        for (var name : names) {
            var library = SymbolLookup.libraryLookup(folder.resolve(fileName(name)), Arena.global());
            all = all == null ? library : library.or(all);
        }
        return all;
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

    private static void unpack(List<String> names, String platform, Path folder) throws IOException {
        for (var name : names) {
            var resource = "/org/bytedeco/" + name.replace("/", "/" + platform + "/");
            try (var in = Natives.class.getResourceAsStream(resource)) {
                if (in == null) {
                    throw new IOException("the class path lacks " + resource.substring(1));
                }
                Files.copy(in, folder.resolve(fileName(name)));
            }
        }
    }

    private static String fileName(String name) {
        return name.substring(name.indexOf('/') + 1);
    }
}
