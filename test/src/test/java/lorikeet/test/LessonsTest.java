package lorikeet.test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import lorikeet.peft.cli.Lorikeet;
import lorikeet.peft.lessons.Exercise;
import lorikeet.peft.lessons.Verdict;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What lessons say: commands are commands, on all pages; quick ones say what is printed under them; excerpts are the code's. */
class LessonsTest {
    private static final Path ROOT = Path.of("..");
    private static final Path LESSONS = ROOT.resolve(Path.of("docs", "lessons"));

    private static final Pattern LINK = Pattern.compile("\\]\\(([^)#:]+)(#[^)]*)?\\)");
    private static final Pattern COMMAND = Pattern.compile("(?:\\$ )?\\./lorikeet( .*)?");
    private static final Pattern INLINE = Pattern.compile("`\\./lorikeet( [^`]*)`");
    /** A word, or several in quotation marks. */
    private static final Pattern WORD = Pattern.compile("\"([^\"]*)\"|(\\S+)");
    /** The command that lives in a module above. */
    private static final String BENCH = "bench";

    /** A fenced block: what stands behind the fence, and between. */
    private record Block(String language, List<String> lines, String before) {}

    static Stream<Path> pages() throws IOException {
        try (var files = Files.walk(ROOT.resolve("docs"))) {
            var docs = files.filter(file -> file.toString().endsWith(".md")).sorted().toList();
            return Stream.concat(Stream.of(ROOT.resolve("README.md")), docs.stream());
        }
    }

    static Stream<Path> lessons() throws IOException {
        return pages().filter(page -> page.startsWith(LESSONS) && !page.endsWith("README.md"));
    }

    private static List<Block> blocks(Path page) throws IOException {
        var blocks = new ArrayList<Block>();
        var before = "";
        Block open = null;
        for (var line : Files.readAllLines(page)) {
            if (line.startsWith("```")) {
                if (open == null) {
                    open = new Block(line.substring(3), new ArrayList<>(), before);
                } else {
                    blocks.add(open);
                    open = null;
                }
            } else if (open != null) {
                open.lines.add(line);
            } else if (!line.isBlank()) {
                before = line;
            }
        }
        assertThat(open).as(page + ": a block that does not end").isNull();
        return blocks;
    }

    // ---- commands ----------------------------------------------------------------------------------------------------

    /** The commands of a page: lines of its blocks, and whole commands in its text. */
    private static Stream<String> commands(Path page) throws IOException {
        var ofBlocks = blocks(page).stream().flatMap(block -> block.lines.stream()).map(COMMAND::matcher)
                .filter(match -> match.matches() && match.group(1) != null).map(match -> match.group(1));
        var text = Files.readString(page).replaceAll("(?s)```.*?```", "");
        return Stream.concat(ofBlocks,
                INLINE.matcher(text).results().map(match -> match.group(1).replaceAll("\\s+", " ")));
    }

    /** The words of a command without what follows it: a comment, text behind three spaces, a file to read from. */
    private static String[] words(String command) {
        return WORD.matcher(command.replaceFirst(" ( {2,}+(?!-)|[#<]).*", "")).results()
                .map(word -> word.group(1) == null ? word.group(2) : word.group(1)).toArray(String[]::new);
    }

    @TestFactory
    Stream<DynamicTest> commandsAreUnderstood() throws IOException {
        var all = new ArrayList<DynamicTest>();
        for (var page : pages().toList()) {
            commands(page).filter(command -> !command.contains(" [")) // a synopsis
                    .map(LessonsTest::words).filter(words -> !words[0].equals(BENCH)).distinct()
                    .map(words -> dynamicTest(page.getFileName() + ": " + String.join(" ", words),
                            () -> Lorikeet.commandLine().parseArgs(words)))
                    .forEach(all::add);
        }
        assertThat(all).hasSizeGreaterThan(30);
        return all.stream();
    }

    /** What takes no time says now what the page says; a line … stands for any lines. */
    @TestFactory
    Stream<DynamicTest> quickCommandsSayWhatThePagesSay() throws IOException {
        var all = new ArrayList<DynamicTest>();
        for (var page : lessons().toList()) {
            for (var block : blocks(page)) {
                if (block.language.equals("console")) {
                    var words = words(block.lines.getFirst().substring("$ ./lorikeet".length()));
                    if (words[0].equals("plan") || words[0].equals("check")) {
                        all.add(dynamicTest(page.getFileName() + ": " + String.join(" ", words),
                                () -> assertThat(output(words)).matches(expected(block))));
                    }
                }
            }
        }
        assertThat(all).hasSizeGreaterThan(8);
        return all.stream();
    }

    private static String output(String... words) {
        return words[0].equals("check")
                ? CommandRun.run(CommandRun.with(words, "--folder", ROOT.resolve("exercises").toString())).out().strip()
                : CommandRun.done(words).out().strip();
    }

    @Test
    void theKernelOfLesson9CountsWhatThePageSays() throws Exception {
        var solution = Path.of("src", "test", "resources", "lorikeet", "test", "solutions", "Lesson9.ptx");
        var verdict = Verdict.of(Exercise.ALL.getLast(), solution, Duration.ofMinutes(2));
        assertThat(Files.readString(LESSONS.resolve("9-cuda-kernel.md")))
                .contains("passed.\n" + verdict.text() + "\n```");
    }

    private static Pattern expected(Block block) {
        var lines = block.lines.stream().skip(1).map(line -> line.equals("…") ? "(?s:.*)" : Pattern.quote(line));
        return Pattern.compile(lines.collect(Collectors.joining("\n")));
    }

    // ---- excerpts and parts ------------------------------------------------------------------------------------------

    /** An excerpt stands, but for indentation, in the file that the line before it links to last. */
    @ParameterizedTest
    @MethodSource("lessons")
    void excerptsStandInTheirFiles(Path page) throws IOException {
        for (var block : blocks(page)) {
            if (List.of("java", "cuda", "ptx").contains(block.language)) {
                var links = LINK.matcher(block.before).results().map(match -> match.group(1)).toList();
                assertThat(links).as("a link before " + block.lines).isNotEmpty();
                var source = Files.readString(page.resolveSibling(links.getLast()));
                assertThat(flush(source.lines())).as(links.getLast()).contains(flush(block.lines.stream()));
            }
        }
    }

    private static String flush(Stream<String> lines) {
        return lines.map(String::strip).collect(Collectors.joining("\n", "\n", "\n"));
    }

    /** Idea, formula, code, experiment and exercises, one of which is checked; and the index has all lessons. */
    @ParameterizedTest
    @MethodSource("lessons")
    void everyLessonHasItsParts(Path page) throws IOException {
        var text = Files.readString(page);
        int number = Integer.parseInt(page.getFileName().toString().split("-")[0]);
        var exercise = Exercise.ALL.get(number - 1);
        assertThat(text).startsWith("# " + number + ". " + exercise.title() + "\n").containsSubsequence(
                "\n## The idea\n",
                "\n## The formula\n", "\n## The code\n", "```java\n", "\n## The experiment\n", "\n$ ./lorikeet ",
                "\n## Exercises\n", "(../../exercises/" + exercise.file() + ")", "`./lorikeet check " + number + "`",
                "\n2. ");
        assertThat(Files.readString(LESSONS.resolve("README.md")))
                .contains("| " + number + " | [" + exercise.title() + "](" + page.getFileName() + ") |");
        assertThat(lessons().count()).isEqualTo(Exercise.ALL.size());
    }
}
