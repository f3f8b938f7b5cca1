package lorikeet.peft.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
import lorikeet.peft.lessons.Exercise;
import lorikeet.peft.lessons.Verdict;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The course's exercises, checked. */
@Command(name = "check", sortOptions = false,
        description = "Checks what you wrote for a lesson of docs/lessons and says in words what is wrong with it. Without a "
                + "lesson: which ones pass.",
        footer = {"", "Examples:", "  lorikeet check", "  lorikeet check 4", "  lorikeet check 4 my/Lesson4.java"})
final class Check implements Callable<Integer> {
    private static final Duration LIMIT = Duration.ofSeconds(30);

    @Parameters(index = "0", arity = "0..1", paramLabel = "LESSON", description = "Its number, from 1.")
    private Integer lesson;

    @Parameters(index = "1", arity = "0..1", paramLabel = "FILE",
            description = "What you wrote. Default: the lesson's file in --folder.")
    private Path file;

    @Option(names = "--folder", defaultValue = "exercises", paramLabel = "DIR",
            description = "Where the lessons' files are. Default: ${DEFAULT-VALUE}.")
    private Path folder;

    @Override
    public Integer call() throws IOException, InterruptedException {
        if (lesson == null) {
            list();
            return 0;
        }
        if (lesson < 1 || lesson > Exercise.ALL.size()) {
            throw new WrongUsage("LESSON: expected 1 to " + Exercise.ALL.size() + ", not " + lesson);
        }
        var exercise = Exercise.ALL.get(lesson - 1);
        var verdict = Verdict.of(exercise, file == null ? folder.resolve(exercise.file()) : file, LIMIT);
        System.out.printf("Lesson %d, %s: %s.%n%s%n", lesson, exercise.title(),
                verdict.passed() ? "passed" : "not yet", verdict.text());
        return verdict.passed() ? 0 : 1;
    }

    private void list() throws IOException, InterruptedException {
        for (int i = 0; i < Exercise.ALL.size(); i++) {
            var exercise = Exercise.ALL.get(i);
            var written = folder.resolve(exercise.file());
            var state = !Files.exists(written)
                    ? "no file " + written
                    : Verdict.of(exercise, written, LIMIT).passed() ? "passed" : "not yet";
            System.out.printf("%d  %-30s  %s%n", i + 1, exercise.title(), state);
        }
    }
}
