package lorikeet.kernels.cuda;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;

/** The kernels that ship as PTX, each loaded when it is first launched. */
public final class Kernels {
    /** One module for each source file beside {@code kernels/src/main/cuda/compile.sh}. */
    public static final List<String> MODULES =
            List.of("attention_128", "attention_256", "attention_32", "attention_64", "attention_prefix",
                    "attention_tf32_128", "attention_tf32_32", "attention_tf32_64", "elementwise",
                    "layernorm", "optimizer", "rows", "softmax", "sum");

    private static final Pattern TARGET = Pattern.compile("(?m)^\\.target sm_(\\d+)");
    private static final Map<String, String> TEXTS = new ConcurrentHashMap<>();

    private final Gpu gpu;
    private final Map<String, Gpu.Kernel> loaded = new HashMap<>();

    Kernels(Gpu gpu) {
        this.gpu = gpu;
    }

    /** The PTX text of a module. */
    public static String ptx(String module) {
        return TEXTS.computeIfAbsent(module, Kernels::read);
    }

    /** The least compute capability that PTX text runs on, ten times the major version plus the minor; 0 if it names none. */
    public static int capability(String ptx) {
        var target = TARGET.matcher(ptx);
        return target.find() ? Integer.parseInt(target.group(1)) : 0;
    }

    private static String read(String module) {
        try (var in = Kernels.class.getResourceAsStream(module + ".ptx")) {
            if (in == null) {
                throw new IllegalArgumentException("there is no module " + module + ".ptx");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    Gpu.Kernel get(String module, String name) {
        return loaded.computeIfAbsent(name, _ -> gpu.load(ptx(module), name));
    }
}
