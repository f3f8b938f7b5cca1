package lorikeet.kernels.cuda;

import static jcuda.nvptxcompiler.JNvPTXCompiler.nvPTXCompilerCompile;
import static jcuda.nvptxcompiler.JNvPTXCompiler.nvPTXCompilerCreate;
import static jcuda.nvptxcompiler.JNvPTXCompiler.nvPTXCompilerDestroy;
import static jcuda.nvptxcompiler.JNvPTXCompiler.nvPTXCompilerGetErrorLog;
import static jcuda.nvptxcompiler.JNvPTXCompiler.nvPTXCompilerGetErrorLogSize;
import static jcuda.nvptxcompiler.JNvPTXCompiler.nvPTXCompilerGetInfoLog;
import static jcuda.nvptxcompiler.JNvPTXCompiler.nvPTXCompilerGetInfoLogSize;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import jcuda.nvptxcompiler.nvPTXCompileResult;
import jcuda.nvptxcompiler.nvPTXCompilerHandle;

/**
 * NVIDIA's own compiler from PTX to machine code, as a library that needs neither GPU nor driver: what it accepts a driver
 * will load, and its log tells what a kernel takes of a processor.
 */
public final class PtxCompiler {
    /** Turing, Ampere (large and small), Ada, Hopper. */
    public static final List<String> ARCHITECTURES = List.of("sm_75", "sm_80", "sm_86", "sm_89", "sm_90");

    private PtxCompiler() {}

    /** Those of {@link #ARCHITECTURES} that a module is for. */
    public static List<String> architectures(String ptx) {
        return ARCHITECTURES.stream().filter(name -> Integer.parseInt(name.substring(3)) >= Kernels.capability(ptx))
                .toList();
    }

    /**
     * What one kernel takes on one architecture.
     *
     * @param registers   per thread
     * @param spillBytes  stored to and loaded from local memory, because registers did not suffice
     * @param stackBytes  local memory per thread
     * @param sharedBytes shared memory per block, without what a launch adds
     */
    public record Usage(String kernel, String architecture, int registers, int spillBytes, int stackBytes,
            int sharedBytes) {}

    /** Why the compiler cannot be called here, or null if it can. */
    public static String problem() {
        return JCudaLibraries.Compiler.PROBLEM;
    }

    /**
     * Compiles a module.
     *
     * @return one row per kernel
     * @throws CudaException if the compiler refuses the module, with its words
     */
    public static List<Usage> compile(String ptx, String architecture) {
        if (problem() != null) {
            throw new CudaException(problem());
        }
        var text = (ptx + "\0").getBytes(StandardCharsets.UTF_8);
        var compiler = new nvPTXCompilerHandle();
        int created = nvPTXCompilerCreate(compiler, text.length, text);
        if (created != nvPTXCompileResult.NVPTXCOMPILE_SUCCESS) {
            throw new CudaException("nvPTXCompilerCreate failed: " + nvPTXCompileResult.stringFor(created));
        }
        try {
            int compiled = nvPTXCompilerCompile(compiler, 2, new String[] {"--gpu-name=" + architecture, "--verbose"});
            if (compiled != nvPTXCompileResult.NVPTXCOMPILE_SUCCESS) {
                throw new CudaException("the PTX compiler refuses a module for " + architecture + ": "
                        + log(compiler, true));
            }
            return parse(log(compiler, false), architecture);
        } finally {
            nvPTXCompilerDestroy(compiler);
        }
    }

    private static String log(nvPTXCompilerHandle compiler, boolean errors) {
        var size = new long[1];
        int known = errors ? nvPTXCompilerGetErrorLogSize(compiler, size) : nvPTXCompilerGetInfoLogSize(compiler, size);
        var text = new byte[Math.toIntExact(size[0]) + 1];
        int read = errors ? nvPTXCompilerGetErrorLog(compiler, text) : nvPTXCompilerGetInfoLog(compiler, text);
        if (known != nvPTXCompileResult.NVPTXCOMPILE_SUCCESS || read != nvPTXCompileResult.NVPTXCOMPILE_SUCCESS) {
            return "no log";
        }
        return new String(text, StandardCharsets.UTF_8).replace("\0", "").strip();
    }

    private static final Pattern ENTRY = Pattern.compile("Compiling entry function '(\\w+)'");
    private static final Pattern STACK = Pattern.compile(
            "(\\d+) bytes stack frame, (\\d+) bytes spill stores, (\\d+) bytes spill loads");
    private static final Pattern USED = Pattern.compile("Used (\\d+) registers(?:.*?(\\d+) bytes smem)?");

    static List<Usage> parse(String log, String architecture) {
        var rows = new ArrayList<Usage>();
        String kernel = null;
        int stack = 0, spills = 0;
        for (var line : log.lines().toList()) {
            var entry = ENTRY.matcher(line);
            var frame = STACK.matcher(line);
            var used = USED.matcher(line);
            if (entry.find()) {
                kernel = entry.group(1);
            } else if (frame.find()) {
                stack = Integer.parseInt(frame.group(1));
                spills = Integer.parseInt(frame.group(2)) + Integer.parseInt(frame.group(3));
            } else if (used.find()) {
                int shared = used.group(2) == null ? 0 : Integer.parseInt(used.group(2));
                rows.add(new Usage(kernel, architecture, Integer.parseInt(used.group(1)), spills, stack, shared));
            }
        }
        return rows;
    }
}
