package lorikeet.test;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Imports, which the formatter leaves alone: sorted, used, and no wildcards save of static members. */
class SourcesTest {
    private static final Pattern IMPORT =
            Pattern.compile("^import (static )?([\\w.]+)\\.(\\w+|\\*);$", Pattern.MULTILINE);

    private static final Comparator<String> ORDER =
            Comparator.comparing((String line) -> !line.startsWith("import static"))
                    .thenComparing(line -> line.replace(";", ""));

    @ParameterizedTest
    @ValueSource(strings = {"kernels", "engine", "model", "peft", "bench", "test"})
    void importsAreSortedAndUsed(String module) throws IOException {
        var faults = new ArrayList<String>();
        try (Stream<Path> files = Files.walk(Path.of("..", module))) {
            var generated = Path.of("..", module, "target");
            var sources = files.filter(file -> file.toString().endsWith(".java") && !file.startsWith(generated))
                    .toList();
            for (var source : sources) {
                faultsOfImports(Files.readString(source)).forEach(fault -> faults.add(source + ": " + fault));
            }
            assertThat(sources.isEmpty()).isEqualTo(!Files.exists(Path.of("..", module, "src")));
        }
        assertThat(faults).isEmpty();
    }

    private static List<String> faultsOfImports(String text) {
        var faults = new ArrayList<String>();
        var lines = new ArrayList<String>();
        var rest = IMPORT.matcher(text).replaceAll("");
        var imports = IMPORT.matcher(text);
        while (imports.find()) {
            lines.add(imports.group());
            boolean members = imports.group(1) != null && imports.group(3).equals("*");
            if (!members && !Pattern.compile("\\b" + Pattern.quote(imports.group(3)) + "\\b").matcher(rest).find()) {
                faults.add("unused or by wildcard: " + imports.group());
            }
        }
        if (!lines.equals(lines.stream().sorted(ORDER).toList())) {
            faults.add("imports are not sorted, static ones first");
        }
        return faults;
    }
}
