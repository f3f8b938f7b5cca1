package lorikeet.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The PTX that ships is what compile.sh makes of the sources beside it. */
class PtxSourceTest {
    private static final Path SOURCES = Path.of("src/main/cuda");

    static List<String> modules() {
        return Kernels.MODULES;
    }

    @Test
    void everySourceIsAModule() throws IOException {
        try (Stream<Path> files = Files.list(SOURCES)) {
            var names = files.map(file -> file.getFileName().toString()).filter(name -> name.endsWith(".cu"))
                    .map(name -> name.substring(0, name.length() - 3));
            assertThat(names).containsExactlyInAnyOrderElementsOf(Kernels.MODULES);
        }
    }

    @ParameterizedTest
    @MethodSource("modules")
    void namesTheHashOfItsSources(String module) throws IOException, NoSuchAlgorithmException {
        var source = Files.readString(SOURCES.resolve(module + ".cu"));
        var script = Files.readString(SOURCES.resolve("compile.sh"));
        var digest = MessageDigest.getInstance("SHA-256");
        digest.update(source.getBytes(StandardCharsets.UTF_8));
        for (var header : all("(?m)^#include \"(.*)\"$", source)) {
            digest.update(Files.readAllBytes(SOURCES.resolve(header)));
        }
        digest.update(all("(?m)^FLAGS=\"(.*)\"$", script).getFirst().getBytes(StandardCharsets.UTF_8));
        assertThat(Kernels.ptx(module).lines().limit(2))
                .as("run compile.sh: the sources of %s.ptx have changed", module)
                .containsExactly("// Made by compile.sh from " + module + ".cu; do not edit.",
                        "// sha256 of source, headers and flags: " + HexFormat.of().formatHex(digest.digest()));
    }

    @ParameterizedTest
    @MethodSource("modules")
    void runsOnOldDriversAndNamesNoFolder(String module) {
        assertThat(Kernels.ptx(module))
                .contains("\n.version 7.8\n.target " + (module.contains("tf32") ? "sm_80" : "sm_75") + "\n")
                .doesNotContain(".file", ".loc", "/tmp", "/home", "tanh.approx");
    }

    @Test
    void isWhatNvccMakesHere(@TempDir Path folder) throws IOException, InterruptedException {
        var version = nvccVersion();
        assumeTrue(version != null, "there is no nvcc on the PATH");
        var shipped = all("Cuda compilation tools, release .*, (V[\\d.]+)", Kernels.ptx("sum")).getFirst();
        assumeTrue(version.equals(shipped), "nvcc here is " + version + ", the PTX was made by " + shipped);
        int code = new ProcessBuilder("sh", SOURCES.resolve("compile.sh").toString(), folder.toString()).inheritIO()
                .start().waitFor();
        assertThat(code).isZero();
        for (var module : Kernels.MODULES) {
            assertThat(Files.readString(folder.resolve(module + ".ptx"))).isEqualTo(Kernels.ptx(module));
        }
    }

    private static String nvccVersion() throws InterruptedException {
        try {
            var process = new ProcessBuilder("nvcc", "--version").redirectErrorStream(true).start();
            var text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            return process.waitFor() == 0 ? all("(V[\\d.]+)\\s", text).getFirst() : null;
        } catch (IOException _) {
            return null;
        }
    }

    private static List<String> all(String pattern, String text) {
        return Pattern.compile(pattern).matcher(text).results().map(match -> match.group(1)).toList();
    }
}
