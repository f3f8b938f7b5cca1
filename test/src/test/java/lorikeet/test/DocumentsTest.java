package lorikeet.test;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Documents name files that there are, and one version. */
class DocumentsTest {
    private static final Path ROOT = Path.of("..");
    /** Of Markdown, to something that is no address and no place on the same page. */
    private static final Pattern LINK = Pattern.compile("\\]\\((?!https?://|#)([^)#\\s]+)(?:#[^)]*)?\\)");
    private static final Pattern PATH = Pattern.compile("`([\\w.-]+/[\\w./-]+)`");

    private static List<Path> documents() throws IOException {
        try (Stream<Path> top = Files.list(ROOT); Stream<Path> docs = Files.walk(ROOT.resolve("docs"))) {
            return Stream.concat(top, docs).filter(file -> file.toString().endsWith(".md")).toList();
        }
    }

    @Test
    void everyLinkLeadsToAFile() throws IOException {
        var broken = new ArrayList<String>();
        int links = 0;
        for (var document : documents()) {
            var link = LINK.matcher(Files.readString(document));
            while (link.find()) {
                links++;
                if (!Files.exists(document.resolveSibling(link.group(1)))) {
                    broken.add(document + ": " + link.group(1));
                }
            }
        }
        assertThat(broken).isEmpty();
        assertThat(links).isGreaterThan(30);
    }

    /** Contributing speaks of files by their path from the root. */
    @Test
    void theFilesToEditAreThere() throws IOException {
        var path = PATH.matcher(Files.readString(ROOT.resolve("CONTRIBUTING.md")));
        var named = path.results().map(match -> match.group(1)).distinct().toList();
        assertThat(named).hasSizeGreaterThan(10).allMatch(name -> Files.exists(ROOT.resolve(name)));
    }

    @Test
    void theVersionIsTheSameEverywhere() throws IOException {
        var version = Pattern.compile("<version>([^<]+)</version>").matcher(Files.readString(ROOT.resolve("pom.xml")))
                .results().findFirst().orElseThrow().group(1);
        assertThat(Files.readAllLines(ROOT.resolve("CITATION.cff"))).contains("version: " + version);
        assertThat(Files.readAllLines(ROOT.resolve("CHANGELOG.md"))).anyMatch(line -> line.startsWith("## " + version));
    }
}
