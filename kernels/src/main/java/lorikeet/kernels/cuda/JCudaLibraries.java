package lorikeet.kernels.cuda;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import jcuda.LibUtils;
import jcuda.driver.JCudaDriver;
import jcuda.jcublas.JCublas2;
import jcuda.nvptxcompiler.JNvPTXCompiler;
import lorikeet.kernels.CacheFolder;

/**
 * JCuda's native halves and what they need on this machine. Nothing is loaded before somebody asks, and what is missing
 * becomes a sentence instead of a link error. JCuda would unpack into the system's temporary folder under a fixed name; it
 * is shown our own folder, where the files lie already.
 */
final class JCudaLibraries {
    private static final String VERSION = "12.6.0";
    private static final boolean WINDOWS = System.getProperty("os.name").startsWith("Windows");

    /** Driver and cuBLAS, loaded when this class is first touched. */
    static final class Driver {
        /** Why they cannot be called here, or null if they can. */
        static final String PROBLEM = loadDriver();
    }

    /** NVIDIA's PTX compiler, which needs neither GPU nor driver, loaded when this class is first touched. */
    static final class Compiler {
        /** Why it cannot be called here, or null if it can. */
        static final String PROBLEM = load("JNvPTXCompiler", () -> JNvPTXCompiler.setExceptionsEnabled(false));
    }

    private JCudaLibraries() {}

    private static String loadDriver() {
        if (!supported()) {
            return unsupported();
        }
        var driver = WINDOWS ? "nvcuda.dll" : "libcuda.so.1";
        if (!opens(driver)) {
            return "no NVIDIA driver: the system cannot load " + driver
                    + "; install NVIDIA's driver, version 525 or newer";
        }
        var problem = load("JCudaDriver", () -> JCudaDriver.setExceptionsEnabled(false));
        if (problem != null) {
            return problem;
        }
        if (!opensCublas()) {
            return WINDOWS
                    ? "no cuBLAS 12: the system cannot load cublas64_12.dll; install the CUDA toolkit 12"
                    : "no cuBLAS 12: the system cannot load libcublas.so.12 and libcublasLt.so.12; install them from "
                            + "CUDA 12 (CUDA 13 does not have them) and name their folder in LD_LIBRARY_PATH";
        }
        return load("JCublas2", () -> JCublas2.setExceptionsEnabled(false));
    }

    // ---- what the system has -----------------------------------------------------------------------------------------

    private static boolean opens(String library) {
        try {
            SymbolLookup.libraryLookup(library, Arena.global());
            return true;
        } catch (IllegalArgumentException _) {
            return false;
        }
    }

    private static boolean opens(Path library) {
        try {
            SymbolLookup.libraryLookup(library, Arena.global());
            return true;
        } catch (IllegalArgumentException _) {
            return false;
        }
    }

    /** Opens cuBLAS, which then is there for JCublas2: where the system looks, or else where CUDA is usually installed. */
    private static boolean opensCublas() {
        var names = WINDOWS
                ? List.of("cublasLt64_12.dll", "cublas64_12.dll")
                : List.of("libcublasLt.so.12", "libcublas.so.12");
        if (names.stream().allMatch(JCudaLibraries::opens)) {
            return true;
        }
        return cudaFolders().stream()
                .anyMatch(folder -> names.stream().allMatch(name -> opens(folder.resolve(name))));
    }

    private static List<Path> cudaFolders() {
        var roots = new ArrayList<Path>();
        // Windows has CUDA_PATH, which may name a newer CUDA, and CUDA_PATH_V12_6 and so on for each that is installed.
        System.getenv().forEach((name, root) -> {
            if ((name.equals("CUDA_HOME") || name.startsWith("CUDA_PATH")) && !root.isBlank()) {
                roots.add(Path.of(root));
            }
        });
        try (var installed = Files.newDirectoryStream(Path.of("/usr/local"), "cuda*")) {
            installed.forEach(roots::add);
        } catch (IOException _) {
            // No such folder, as on Windows: then CUDA_PATH alone tells.
        }
        return roots.stream().map(root -> root.resolve(WINDOWS ? "bin" : "lib64")).filter(Files::isDirectory).toList();
    }

    // ---- JCuda's own -------------------------------------------------------------------------------------------------

    private static boolean supported() {
        return JCudaLibraries.class.getResource("/lib/" + fileName("JCudaDriver")) != null;
    }

    private static String unsupported() {
        return "JCuda has no native libraries for " + System.getProperty("os.name") + " on "
                + System.getProperty("os.arch") + ", only for Linux and Windows on x86-64";
    }

    private static String fileName(String library) {
        return LibUtils.createLibraryFileName(LibUtils.createPlatformLibraryName(library + "-" + VERSION));
    }

    private static String load(String library, Runnable firstCall) {
        if (!supported()) {
            return unsupported();
        }
        var file = fileName(library);
        Path folder;
        try {
            folder = CacheFolder.folder(file, empty -> {
                try (var in = JCudaLibraries.class.getResourceAsStream("/lib/" + file)) {
                    if (in == null) {
                        throw new FileNotFoundException("the class path lacks lib/" + file);
                    }
                    Files.copy(in, empty.resolve(file));
                }
            });
        } catch (IOException e) {
            return "cannot unpack " + file + ": " + e.getMessage();
        }
        var temporary = System.setProperty("java.io.tmpdir", folder.toString());
        try {
            firstCall.run();
            return null;
        } catch (LinkageError e) {
            return "cannot load " + file + ": " + firstCause(e);
        } finally {
            System.setProperty("java.io.tmpdir", temporary);
        }
    }

    /** The system's own words, out of the pages that JCuda wraps around them. */
    private static String firstCause(LinkageError error) {
        return String.valueOf(error.getMessage()).lines().filter(line -> line.contains("UnsatisfiedLinkError"))
                .reduce((_, last) -> last).map(line -> line.substring(line.indexOf(':') + 1).strip())
                .orElse(error.toString().lines().findFirst().orElse("unknown"));
    }
}
