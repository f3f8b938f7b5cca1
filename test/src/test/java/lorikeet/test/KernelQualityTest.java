package lorikeet.test;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import lorikeet.kernels.cuda.Kernels;
import lorikeet.kernels.sim.KernelProfile;
import lorikeet.model.ModelShape;
import lorikeet.peft.LoraStep;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * How CUDA kernels use memory in a LoRA step, counted by the GPU made of Java, and whether docs/kernels.md says the same. The
 * PTX compiler's part, registers and spills, is a test of the module kernels.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class KernelQualityTest {
    private static final Path DOCS = Path.of("../docs/kernels.md");

    private List<KernelProfile> kernels;
    private String docs;

    @BeforeAll
    void profile() throws IOException {
        kernels = LoraStep.profile(ModelShape.gpt2(300, 96, 64, 2, 2), 96, 33).kernels();
        docs = Files.readString(DOCS);
    }

    List<KernelProfile> kernels() {
        return kernels;
    }

    @Test
    void theStepGoesThroughAllKindsOfKernels() {
        assertThat(kernels).extracting(KernelProfile::kernel).contains("layer_norm_backward", "attention_32",
                "attention_queries_32", "attention_keys_32", "cross_entropy", "adamw", "gather_f32");
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void movesAtMostHalfMoreThanItMust(KernelProfile kernel) {
        assertThat(kernel.neededBytes()).isPositive();
        assertThat(kernel.movedBytes()).isLessThanOrEqualTo(kernel.neededBytes() * 3 / 2);
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void neighbouringThreadsTouchNeighbouringNumbers(KernelProfile kernel) {
        for (var traffic : List.of(kernel.loads(), kernel.stores())) {
            assertThat(traffic.sectors()).isLessThanOrEqualTo(traffic.idealSectors() * 5 / 4);
        }
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void sharedMemoryHasNoBankConflicts(KernelProfile kernel) {
        assertThat(kernel.passesPerIdeal()).isLessThan(1.02);
    }

    // ---- docs/kernels.md ---------------------------------------------------------------------------------------------

    private List<String> documented(String pattern) {
        return Pattern.compile(pattern).matcher(docs).results().map(row -> row.group(1)).toList();
    }

    /** Rows such as "| forward 3 | `gemm` | …". */
    @Test
    void docsListWhatALayerLaunches() {
        var layer = LoraStep.Layer.profile();
        assertThat(documented("(?m)^\\| forward \\d+ \\| `(\\w+)`")).isEqualTo(layer.forward());
        assertThat(documented("(?m)^\\| backward \\d+ \\| `(\\w+)`")).isEqualTo(layer.backward());
        assertThat(docs).contains(layer.forward().size() + " forward and " + layer.backward().size() + " backward");
    }

    @Test
    void docsHaveARowForEachKernelThatShips() {
        var shipped = Kernels.MODULES.stream()
                .flatMap(module -> Pattern.compile("\\.entry (\\w+)\\(").matcher(Kernels.ptx(module)).results())
                .map((MatchResult entry) -> entry.group(1)).toList();
        var table = docs.lines().dropWhile(line -> !line.startsWith("kernel ")).skip(1)
                .takeWhile(line -> !line.isBlank()).map(line -> line.split(" ")[0]);
        assertThat(new TreeSet<>(table.toList())).isEqualTo(new TreeSet<>(shipped));
    }
}
