package lorikeet.kernels.cuda;

import static jcuda.driver.JCudaDriver.cuDriverGetVersion;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.nio.file.Files;
import java.nio.file.Path;
import jcuda.LibUtils;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import jcuda.nvptxcompiler.JNvPTXCompiler;
import lorikeet.kernels.CacheFolder;

/**
 * JCuda's native halves and what they need on this machine. Nothing is loaded before somebody asks, and what is missing
 * becomes a sentence instead of a link error. JCuda would unpack into the system's temporary folder under a fixed name; it
 * is shown our own folder, where the files lie already.
 */
final class JCudaLibraries {
    private static final String VERSION = "12.6.0";
    private static final int OLDEST_CUDA = 12_000;
    private static final boolean WINDOWS = System.getProperty("os.name").startsWith("Windows");

    /** The driver, loaded when this class is first touched. */
    static final class Driver {
        /** The CUDA that it supports, 12060 for 12.6, or 0 if it cannot be asked. */
        static final int CUDA_VERSION;
        /** Why it cannot be called here, or null if it can. */
        static final String PROBLEM;

        static {
            var version = new int[1];
            PROBLEM = loadDriver(version);
            CUDA_VERSION = version[0];
        }
    }

    /** NVIDIA's PTX compiler, which needs neither GPU nor driver, loaded when this class is first touched. */
    static final class Compiler {
        /** Why it cannot be called here, or null if it can. */
        static final String PROBLEM = load("JNvPTXCompiler", () -> JNvPTXCompiler.setExceptionsEnabled(false));
    }

    private JCudaLibraries() {}

    private static String loadDriver(int[] version) {
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
        int answered = cuDriverGetVersion(version);
        if (answered != CUresult.CUDA_SUCCESS) {
            return "the NVIDIA driver does not say its version: " + JCudaGpu.words(answered);
        }
        return version[0] >= OLDEST_CUDA
                ? null
                : "the NVIDIA driver is too old: it supports CUDA " + version[0] / 1000 + "."
                        + version[0] % 1000 / 10 + "; install version 525 or newer, which supports CUDA 12";
    }

    private static boolean opens(String library) {
        try {
            SymbolLookup.libraryLookup(library, Arena.global());
            return true;
        } catch (IllegalArgumentException _) {
            return false;
        }
    }

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
