package lorikeet.peft.cli;

import static lorikeet.kernels.cuda.Kernels.MODULES;
import static lorikeet.kernels.cuda.Kernels.ptx;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import lorikeet.engine.AtomicFile;
import lorikeet.kernels.cuda.PtxCompiler;
import lorikeet.kernels.sim.KernelProfile;
import lorikeet.model.ModelShape;
import lorikeet.peft.LoraStep;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** How good the CUDA kernels are, as far as that can be told without a GPU. */
@Command(name = "kernels", sortOptions = false,
        description = {
            "Says of each CUDA kernel what it takes of a processor and what it does in a training step with LoRA.", "",
            "Registers, spills and shared memory are what NVIDIA's PTX compiler reports, which comes with Lorikeet. "
                    + "The rest is counted by the GPU made of Java. No GPU is needed.",
            ""},
        footer = {"", "Examples:", "  lorikeet kernels", "  lorikeet kernels --kernel attention",
            "  lorikeet kernels --html kernels.html"})
final class Kernels implements Callable<Integer> {
    /** Two layers of the bundled base, and sequences as short as its data are. */
    private static final ModelShape SHAPE = ModelShape.gpt2(5120, 256, 256, 2, 8);
    private static final int[] LENGTHS = {64, 33, 20};
    private static final String STEP =
            "One step of LoRA, rank 4 on all linear layers of two layers of the bundled base's "
                    + "shape, with sequences of 64, 33 and 20 tokens.";
    private static final Logger LOG = LoggerFactory.getLogger(Kernels.class);
    private static final Pattern ENTRY = Pattern.compile("\\.entry (\\w+)\\(");

    @Option(names = "--kernel", defaultValue = "", paramLabel = "NAME",
            description = "Only kernels with this in their names. Default: all.")
    private String name;

    @Option(names = "--html", paramLabel = "FILE", description = "Also write the table as a page.")
    private Path html;

    @Override
    public Integer call() throws IOException {
        var modules = MODULES.stream().filter(module -> kernels(module).findAny().isPresent()).toList();
        if (modules.isEmpty()) {
            throw new WrongUsage("--kernel: there is none with " + name + " in its name; lorikeet kernels lists all");
        }
        var usages = usages(modules);
        var step = LoraStep.profile(SHAPE, LENGTHS);
        var table = new KernelTable(modules.stream().flatMap(this::kernels).map(kernel -> new KernelTable.Row(kernel,
                usages.stream().filter(usage -> usage.kernel().equals(kernel)).toList(), profile(step, kernel)))
                .toList());
        System.out.println(STEP + "\n");
        System.out.print(table.text());
        if (name.isEmpty()) {
            var layer = LoraStep.Layer.profile();
            System.out.println();
            launches("forward", layer.forward());
            launches("backward", layer.backward());
        }
        if (html != null) {
            var page = ByteBuffer.wrap(table.html(STEP).getBytes(StandardCharsets.UTF_8));
            AtomicFile.write(html, channel -> channel.write(page));
            System.out.println(html);
        }
        return 0;
    }

    private Stream<String> kernels(String module) {
        return ENTRY.matcher(ptx(module)).results().map(entry -> entry.group(1)).filter(k -> k.contains(name));
    }

    private static List<PtxCompiler.Usage> usages(List<String> modules) {
        if (PtxCompiler.problem() != null) {
            LOG.info("Registers, spills and shared memory are not known here: {}.", PtxCompiler.problem());
            return List.of();
        }
        LOG.info("Compiling for {} architectures, then counting one training step.",
                PtxCompiler.ARCHITECTURES.size());
        return modules.parallelStream().flatMap(module -> PtxCompiler.architectures(ptx(module)).parallelStream()
                .flatMap(architecture -> PtxCompiler.compile(ptx(module), architecture).stream())).toList();
    }

    private static KernelProfile profile(LoraStep step, String kernel) {
        return step.kernels().stream().filter(profile -> profile.kernel().equals(kernel)).findFirst().orElse(null);
    }

    private static void launches(String direction, List<String> launches) {
        System.out.printf("%s, a decoder layer launches %d: %s%n", direction, launches.size(),
                String.join(", ", launches));
    }
}
