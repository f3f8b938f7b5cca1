package lorikeet.test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import lorikeet.peft.lessons.Exercise;
import lorikeet.peft.lessons.Verdict;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The course's exercises: solutions pass, skeletons do not, and whoever makes a usual mistake is told which. */
class ExercisesTest {
    private static final Path SKELETONS = Path.of("..", "exercises");
    private static final Path SOLUTIONS = Path.of("src", "test", "resources", "lorikeet", "test", "solutions");
    private static final Duration LIMIT = Duration.ofMinutes(2);

    @TempDir
    private Path folder;

    static IntStream lessons() {
        return IntStream.rangeClosed(1, Exercise.ALL.size());
    }

    private static Exercise exercise(int lesson) {
        return Exercise.ALL.get(lesson - 1);
    }

    private static Verdict check(int lesson, Path file) throws IOException, InterruptedException {
        return Verdict.of(exercise(lesson), file, LIMIT);
    }

    @ParameterizedTest
    @MethodSource("lessons")
    void theSolutionPasses(int lesson) throws Exception {
        var verdict = check(lesson, SOLUTIONS.resolve(exercise(lesson).file()));
        assertThat(verdict.passed()).as(verdict.text()).isTrue();
        assertThat(verdict.text()).isNotBlank();
    }

    @ParameterizedTest
    @MethodSource("lessons")
    void theSkeletonDoesNotAndSaysWhatIsToBeDone(int lesson) throws Exception {
        var verdict = check(lesson, SKELETONS.resolve(exercise(lesson).file()));
        assertThat(verdict.passed()).isFalse();
        if (lesson == 9) {
            assertThat(verdict.text()).contains("race", "PTX line", "a barrier is missing");
        } else {
            assertThat(verdict.text()).matches("Lesson" + lesson + "\\.java, line \\d+: \\w+ is still to be written");
        }
    }

    /**
     * A solution with a mistake in it.
     *
     * @param right what stands in the solution, once
     * @param wrong what stands there instead
     * @param said  what the student is told
     */
    private record Slip(int lesson, String right, String wrong, String... said) {
        @Override
        public String toString() {
            return lesson + ": " + wrong;
        }
    }

    static Stream<Slip> slips() {
        return Stream.of(
                new Slip(1, "16L * layers", "7L * layers", "loraParameters(12, 768, 8)", "only A is counted"),
                new Slip(1, "16L * layers", "10L * layers", "the MLP is 4 · width inside"),
                new Slip(1, "16L * layers", "16L", "that is one block; there are 12"),
                new Slip(1, "16L * layers", "16 * layers", "loraParameters(96, 12288, 128)", "compute with long"),
                new Slip(1, "4 * (base + added)", "4 * base", "the method's own numbers are weights too"),
                new Slip(1, "return 4 * trainable", "return 4 * (int) trainable", "full on lecture-7b"),
                new Slip(1, "8 * trainable", "4 * trainable", "Adam keeps two averages"),

                new Slip(2, "layers - last;", "layers - last - 1;", "trains(\"h.10.", "one layer too many"),
                new Slip(2, "return true;", "return false;", "the layer norm behind the last layer"),
                new Slip(2, "Integer.parseInt(name.split(\"\\\\.\")[1]) >= layers - last",
                        "name.split(\"\\\\.\")[1].compareTo(\"\" + (layers - last)) >= 0", "compared as text"),
                new Slip(2, ">= layers - last", "< last", "these are the first layers"),
                new Slip(2, "12 * w * w + 9 * w + 2 * 2 * w", "12 * w * w + 2 * 2 * w", "linear layers have biases"),
                new Slip(2, "last * block + 2 * w", "last * block", "the layer norm behind the last layer"),

                new Slip(3, " / Math.sqrt(d)", "", "scores are not divided by √d"),
                new Slip(3, "prefix + t + 1;", "prefix + k.length;", "tokens see those behind them"),
                new Slip(3, "prefix + t + 1;", "prefix + t;", "a token does not see itself"),
                new Slip(3, "int seen = prefix + t + 1", "int seen = t + 1", "every token sees all of the prefix"),
                new Slip(3, "Math.exp(weights[j] - largest)", "Math.exp(weights[j])", "scores of some thousands",
                        "exp of a large number is infinite"),

                new Slip(4, "transpose(b)), alpha / a.length));\n    }\n\n    /**\n     * The gradients",
                        "transpose(b)), 1));\n    }\n\n    /**\n     * The gradients", "forward",
                        "alpha / rank is missing"),
                new Slip(4, "return plus(product(x, w), ", "return (", "W is left out"),
                new Slip(4, "times(product(dh, b), scale)", "times(product(dh, b), scale * scale)", "The gradient of A",
                        "alpha / rank is applied twice"),
                new Slip(4, "times(product(dh, b), scale)", "product(dh, b)", "The gradient of A",
                        "alpha / rank is missing"),
                new Slip(4, "product(transpose(du), x)", "product(transpose(x), du)", "wrong shape", "transposed"),
                new Slip(4, "times(product(transpose(dh), u), scale)", "times(product(transpose(dh), u), -scale)",
                        "The gradient of B", "the sign"),
                new Slip(4, "times(product(transpose(dh), u), scale)",
                        "times(product(transpose(dh), u), scale / x.length)",
                        "mean over the rows"),
                new Slip(4, "var db = times(product(transpose(dh), u), scale)",
                        "var db = times(product(transpose(new double[][] {dh[0]}), new double[][] {u[0]}), scale)",
                        "only the first row of x counts"),
                new Slip(4, "plus(product(dh, transpose(w)), product(du, a))", "product(dh, transpose(w))",
                        "The gradient of x", "through A and B"),
                new Slip(4, "return plus(w, times(product(transpose(a), transpose(b)), alpha / a.length))",
                        "return plus(w, times(product(transpose(a), transpose(b)), alpha))", "The merged weight",
                        "alpha is not divided by the rank"),

                new Slip(5, "plus(h, product(tanh(product(h,", "(product(tanh(product(h,", "h itself is not added"),
                new Slip(5, "tanh(product(x,", "tanh(product(h,", "a parallel one reads x"),
                new Slip(5, "du[i][j] *= 1 - t[i][j] * t[i][j];", "", "the derivative of tanh is missing"),
                new Slip(5, "plus(dy, product(du, down))", "product(du, down)", "its gradient has dy in it"),
                new Slip(5, "product(transpose(dy), t)", "product(transpose(t), dy)", "wrong shape", "transposed"),

                new Slip(6, "return Math.sqrt(p * (1 - p) / right.length)", "return Math.sqrt(p * (1 - p))",
                        "√n times less"),
                new Slip(6, "return Math.sqrt(p * (1 - p) / right.length)", "return p * (1 - p) / right.length",
                        "that is the variance"),
                new Slip(6, "Math.sqrt(variance / n)}",
                        "Math.hypot(standardError(a), standardError(b))}", "holds for different examples"),
                new Slip(6, "Math.sqrt(variance / n)}", "Math.sqrt(variance / (n - 1))}", "n − 1 instead of n"),
                new Slip(6, "d[0] > 2 * d[1]", "Math.abs(d[0]) > 2 * d[1]", "a is worse"),
                new Slip(6, "d[0] > 2 * d[1]", "d[0] > d[1]", "less than twice its standard error"),

                new Slip(7, "return Math.exp(entropy)", "return entropy", "that is the entropy"),
                new Slip(7, "if (p > 0)", "if (p >= 0)", "leave zeros out"),
                new Slip(7, "double p = s / sum", "double p = s", "not divided by their sum"),
                new Slip(7, "squares += cosine * cosine", "squares += cosine", "squared before they are summed"),
                new Slip(7, " / Math.min(i, j)", "", "divided by the smaller number of directions"),
                new Slip(7, "Math.min(i, j)", "Math.max(i, j)", "not by the larger"),

                new Slip(8, "da[i] = b[i] * dy[i]", "da[i] = a[i] * dy[i]", "a and b are exchanged"),
                new Slip(8, "y[i] * (dy[i] - sum)", "y[i] * (1 - y[i]) * dy[i]", "own input only"),
                new Slip(8, "y[i] * (dy[i] - sum)", "dy[i] - sum", "the factor y is missing"),
                new Slip(8, "w[i] -= rate * m", "w[i] += rate * m", "against the gradient"),
                new Slip(8, "w[i] -= rate * decay * w[i]", "g[i] += decay * w[i]",
                        "weight decay is added to the gradient"),
                new Slip(8,
                        "/ (1 - Math.pow(beta1, step));\n            double v = square[i] / (1 - Math.pow(beta2, step))",
                        ";\n            double v = square[i]", "divide them by 1 − β₁ᵗ"),
                new Slip(8, "Math.sqrt(v) + 1e-8", "Math.sqrt(v + 1e-8)", "not under it"),

                new Slip(9, "bar.sync 0;                             // nobody", "//", "race", "a barrier is missing"),
                new Slip(9, "    mov.u32 %r4, part;", "    bar.sync 0; mov.u32 %r4, part;",
                        "barrier number 1 of 4 is superfluous"),
                new Slip(9, "    @%p1 bra ALL_SUMS;", "    bar.sink 0; @%p1 bra ALL_SUMS;", "PTX line", "bar.sink"),
                new Slip(9, "div.rn.f32 %f2, %f2, %f3;", "", "The kernel's softmax is wrong: entry ["));
    }

    @ParameterizedTest
    @MethodSource("slips")
    void usualMistakesAreNamed(Slip slip) throws Exception {
        var name = exercise(slip.lesson).file();
        var solution = Files.readString(SOLUTIONS.resolve(name));
        assertThat(solution.split(Pattern.quote(slip.right), -1)).as(slip.right).hasSize(2);
        var verdict = check(slip.lesson, write(name, solution.replace(slip.right, slip.wrong)));
        assertThat(verdict.passed()).isFalse();
        assertThat(verdict.text()).contains(slip.said);
    }

    private Path write(String name, String text) throws IOException {
        return Files.writeString(folder.resolve(name), text);
    }

    /** Lesson 6 with another body of its first method. */
    private Verdict withBody(String body) throws Exception {
        var name = exercise(6).file();
        return check(6, write(name, Files.readString(SKELETONS.resolve(name))
                .replaceFirst("throw new UnsupportedOperationException\\(\\);", body)));
    }

    @Test
    void whatDoesNotCompileIsSaidWithItsLine() throws Exception {
        assertThat(withBody("double p = 1\n return q;").text()).contains("Lesson6.java, line 11: ';' expected",
                "double p = 1");
        assertThat(withBody("return q;").text()).contains("Lesson6.java, line 11: cannot find symbol", "variable q",
                "return q;");
        var other = write("Lesson6.java", "final class Lesson5 {}");
        assertThat(check(6, other).text()).isEqualTo("Lesson6.java has no class Lesson6 outside of packages");
        assertThat(check(6, write("Lesson6.java", "final class Lesson6 { static int better() { return 1; } }")).text())
                .startsWith("Lesson6.java has no method `static ");
    }

    @Test
    void exceptionsAreSaidWithTheStudentsLine() throws Exception {
        assertThat(withBody("return right[right.length] ? 1 : 0;").text())
                .startsWith("Lesson6.java, line 11: ArrayIndexOutOfBoundsException: Index 200 out of bounds");
        assertThat(withBody("return Integer.parseInt(\"x\");").text())
                .startsWith("Lesson6.java, line 11: NumberFormatException: ");
        assertThat(withBody("return standardError(right);").text())
                .startsWith("Lesson6.java, line 11: StackOverflowError. Does a method call itself without end?");
    }

    @Test
    void aLoopWithoutEndIsSaidWithItsLine() throws Exception {
        var text = Files.readString(SKELETONS.resolve("Lesson6.java")).replaceFirst(
                "throw new UnsupportedOperationException\\(\\);",
                "while (!Thread.currentThread().isInterrupted()) { }\n return 0;");
        var verdict = Verdict.of(exercise(6), write("Lesson6.java", text), Duration.ofSeconds(2));
        assertThat(verdict).isEqualTo(new Verdict(false,
                "Lesson6.java, line 11: still running after 2 s. Does a loop never end?"));
    }

    @Test
    void aMissingFileIsNoMistakeOfTheStudents() {
        for (int lesson : new int[] {1, 9}) {
            assertThatThrownBy(() -> check(lesson, folder.resolve("nowhere"))).isInstanceOf(NoSuchFileException.class);
        }
    }

    @Test
    void theCommandChecksOneLessonOrListsAll() throws IOException {
        var passed = CommandRun.done("check", "6", SOLUTIONS.resolve("Lesson6.java").toString());
        assertThat(passed.out()).startsWith("Lesson 6, Comparing honestly: passed.\n");
        var failed = CommandRun.run("check", "6", "--folder", SKELETONS.toString());
        assertThat(failed.exit()).isEqualTo(1);
        assertThat(failed.out()).startsWith("Lesson 6, Comparing honestly: not yet.\nLesson6.java, line ");
        assertThat(CommandRun.run("check", "10").exit()).isEqualTo(2);
        assertThat(CommandRun.run("check", "six").exit()).isEqualTo(2);
        assertThat(CommandRun.run("check", "6", "nowhere").err()).isEqualTo("lorikeet: nowhere: no such file\n");

        for (int lesson : new int[] {2, 6}) {
            Files.copy((lesson == 2 ? SKELETONS : SOLUTIONS).resolve(exercise(lesson).file()),
                    folder.resolve(exercise(lesson).file()));
        }
        var list = CommandRun.done("check", "--folder", folder.toString());
        assertThat(list.out().lines()).hasSize(Exercise.ALL.size());
        assertThat(list.out().lines().toList().get(1)).startsWith("2  ").endsWith("not yet");
        assertThat(list.out().lines().toList().get(5)).startsWith("6  ").endsWith("passed");
        assertThat(list.out().lines().toList().get(8)).endsWith("no file " + folder.resolve("Lesson9.ptx"));
    }
}
