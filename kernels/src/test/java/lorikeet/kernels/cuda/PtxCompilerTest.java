package lorikeet.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** NVIDIA's compiler takes every kernel that ships, for every architecture. */
class PtxCompilerTest {
    /** A thread gets them by eights; if a block would need more, its launch fails. */
    private static final int REGISTERS_OF_A_BLOCK = 65_536;

    @BeforeAll
    static void hasNatives() {
        boolean shipped = System.getProperty("os.arch").equals("amd64")
                && !System.getProperty("os.name").startsWith("Mac");
        assumeTrue(shipped, "JCuda ships NVIDIA's PTX compiler only for Linux and Windows on x86-64");
        assertThat(PtxCompiler.problem()).isNull();
    }

    static List<String> modules() {
        return Kernels.MODULES;
    }

    @ParameterizedTest
    @MethodSource("modules")
    void acceptsEveryKernelWithoutSpills(String module) {
        var ptx = Kernels.ptx(module);
        var entries =
                Pattern.compile("\\.entry (\\w+)\\(").matcher(ptx).results().map(match -> match.group(1)).toList();
        var architectures = PtxCompiler.architectures(ptx);
        var rows = architectures.parallelStream()
                .flatMap(architecture -> PtxCompiler.compile(ptx, architecture).stream()).toList();
        assertThat(entries).isNotEmpty();
        assertThat(architectures).hasSize(module.contains("tf32") ? 4 : 5);
        assertThat(rows).extracting(row -> row.kernel() + " on " + row.architecture())
                .containsExactlyInAnyOrderElementsOf(
                        architectures.stream()
                                .flatMap(architecture -> entries.stream().map(kernel -> kernel + " on " + architecture))
                                .toList());
        var threads = Pattern.compile("\\.entry (\\w+)\\([^)]*\\)\\s*\\.maxntid (\\d+), 1, 1").matcher(ptx).results()
                .collect(Collectors.toMap(match -> match.group(1), match -> Integer.parseInt(match.group(2))));
        assertThat(rows).allSatisfy(row -> {
            assertThat(row.spillBytes()).as(row.toString()).isZero();
            assertThat(row.stackBytes()).as(row.toString()).isZero();
            assertThat(threads).as("largest block").containsKey(row.kernel());
            assertThat(Math.ceilDiv(row.registers(), 8) * 8 * threads.get(row.kernel())).as(row.toString())
                    .isBetween(1, REGISTERS_OF_A_BLOCK);
            assertThat(row.sharedBytes()).as(row.toString()).isLessThanOrEqualTo(48 << 10);
        });
    }

    @Test
    void refusesWhatIsWrong() {
        var wrong = Kernels.ptx("sum").replaceFirst("bar\\.sync", ".sink'");
        assertThatThrownBy(() -> PtxCompiler.compile(wrong, "sm_80")).isInstanceOf(CudaException.class)
                .hasMessageContaining(".sink'");
    }

    @Test
    void readsSpills() {
        var log = """
                ptxas info    : Compiling entry function 'wide' for 'sm_80'
                ptxas info    : Function properties for wide
                ptxas         .     16 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads
                ptxas info    : Used 128 registers, 4160 bytes smem, 400 bytes cmem[0]
                """;
        assertThat(PtxCompiler.parse(log, "sm_80")).isEqualTo(
                List.of(new PtxCompiler.Usage("wide", "sm_80", 128, 20, 16, 4160)));
    }
}
