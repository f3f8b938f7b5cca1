package lorikeet.test;

import static lorikeet.test.CommandRun.done;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The pages that finetune and compare write, as a real browser shows them. */
class ReportTest {
    private static final String NASTY = " lori </script><b>bold</b> <!-- &amp; \u2028";
    private static final int STEPS = 50;
    private static final Path PICTURES = Path.of("target", "screenshots");

    @TempDir
    private static Path folder;
    private static Browser browser;

    @BeforeAll
    static void makePagesAndStart() throws Exception {
        Files.createDirectory(folder.resolve("profile"));
        browser = new Browser(folder.resolve("profile"));
        var text = Files.write(folder.resolve("text.txt"), IntStream.range(0, 40)
                .mapToObj(i -> "The parrot said " + "lori ".repeat(i % 5 + 1) + i).toList());
        var base = folder.resolve("base").toString();
        done("pretrain", "--text", text.toString(), "--vocabulary", "280", "--context", "128", "--width", "16",
                "--layers", "2", "--heads", "2", "--steps", "2", "--warmup", "1", "--batch-tokens", "100", "--out",
                base);
        var data = Files.write(folder.resolve("data.jsonl"), IntStream.range(0, 6).mapToObj(
                i -> json("The parrot <i>said</i> " + i, NASTY)).toList()).toString();
        done("finetune", "--base", base, "--data", data, "--eval-data", data, "--steps", "" + STEPS, "--eval-every",
                "20",
                "--batch-size", "2", "--rank", "2", "--quiet", "--out", folder.resolve("finetune").toString());
        done("compare", "--base", base, "--data", data, "--eval-data", data, "--steps", "4", "--batch-size", "2",
                "--seeds", "1,2", "--methods", "lora:rank=2,prompt:virtual-tokens=2,full", "--generate", "2", "--quiet",
                "--out", folder.resolve("compare").toString());
    }

    private static String json(String prompt, String completion) {
        return new JsonMapper().createObjectNode().put("prompt", prompt).put("completion", completion).toString();
    }

    @AfterAll
    static void stop() throws Exception {
        if (browser != null) {
            browser.close();
        }
    }

    private static void open(String page, boolean dark, int width) throws Exception {
        browser.dark(dark);
        browser.size(width, 900);
        browser.open(folder.resolve(page).resolve("report.html").toUri().toString());
    }

    private static int count(String selector) throws Exception {
        return browser.evaluate("document.querySelectorAll('" + selector + "').length").asInt();
    }

    private static List<String> texts(String selector) throws Exception {
        var texts =
                browser.evaluate("[...document.querySelectorAll('" + selector + "')].map(node => node.textContent)");
        return StreamSupport.stream(texts.spliterator(), false).map(JsonNode::asText).toList();
    }

    @ParameterizedTest
    @ValueSource(strings = {"finetune", "compare"})
    void aPageAsksForNothingButItselfAndDoesNotComplain(String page) throws Exception {
        open(page, false, 1200);
        assertThat(browser.complaints()).isEmpty();
        assertThat(browser.requests()).hasSize(1).allMatch(url -> url.startsWith("file:"));
        assertThat(count("h1")).isOne();
        assertThat(count("h2")).isGreaterThanOrEqualTo(4);
        assertThat(Files.readString(folder.resolve(page).resolve("report.html"))).doesNotContain("{{")
                .doesNotContainPattern("(src|href)=.(https?:)?//");
    }

    @Test
    void theChartsHaveTheirPoints() throws Exception {
        open("finetune", false, 1200);
        assertThat(texts("h2")).containsExactly("How it learned", "Memory through one step",
                "What is trained, and how far it moved", "Before and after", "To repeat it");
        var points = browser.evaluate("[...document.querySelectorAll('[data-points]')].map(path => path.dataset.points "
                + "+ ' ' + path.getAttribute('d').split('L').length)").toString();
        // loss and held-out loss (before, 20, 40, after); rate, norm, tokens per second
        assertThat(points).isEqualTo("[\"50 50\",\"4 4\",\"50 50\",\"50 50\",\"50 50\"]");
        assertThat(count(".plot svg path.each")).isEqualTo(3); // all but the rate are drawn as they are, too
        assertThat(count(".area")).isEqualTo(2 * 5);
        assertThat(count(".map td.moves")).isEqualTo(2 * 4); // of two blocks all linear layers
        assertThat(texts(".map td.moves")).allMatch(text -> text.matches("[\\d.]+ %"))
                .anyMatch(text -> !text.equals("0.0 %"));
        assertThat(texts(".tile dt")).containsExactly("Loss on held-out examples", "Trained parameters",
                "Memory of one step");
        assertThat(texts("pre").getFirst()).startsWith("./lorikeet finetune --base ").contains(" --steps 50 ");
        assertThat(texts(".facts dt")).contains("--seed", "the content of --data", "version");
        open("compare", false, 1200);
        assertThat(count("[data-points]")).isEqualTo(3);
        assertThat(count("circle")).isEqualTo(3);
        assertThat(count("rect")).isEqualTo(3 * 5);
        assertThat(texts("#scores .card tbody th")).containsExactly("untouched base", "lora:rank=2",
                "prompt:virtual-tokens=2", "full");
    }

    @Test
    void textOfTheDataStaysText() throws Exception {
        open("finetune", false, 1200);
        assertThat(texts(".sample dd").get(1)).isEqualTo(NASTY);
        assertThat(texts(".sample dd").getFirst()).startsWith("The parrot <i>said</i>");
        assertThat(count("b, i")).isZero();
        assertThat(texts("dt").stream().filter(text -> text.equals("after"))).hasSize(3);
    }

    @ParameterizedTest
    @CsvSource({"finetune, false", "finetune, true", "compare, false", "compare, true"})
    void onAPhoneNothingScrollsSideways(String page, boolean dark) throws Exception {
        for (int width : new int[] {1200, 360}) {
            open(page, dark, width);
            assertThat(browser.evaluate("document.documentElement.scrollWidth").asInt()).isLessThanOrEqualTo(width);
            assertThat(
                    browser.evaluate("[...document.querySelectorAll('.plot svg')].every(svg => svg.clientWidth > 200)")
                            .asBoolean())
                    .isTrue();
            browser.picture(PICTURES.resolve("%s-%d%s.png".formatted(page, width, dark ? "-dark" : "")));
        }
    }

    /** Contrast of each text with what is behind it, by WCAG 2.2, for which 4.5 is enough. */
    @ParameterizedTest
    @CsvSource({"finetune, false", "finetune, true", "compare, false", "compare, true"})
    void allTextCanBeRead(String page, boolean dark) throws Exception {
        open(page, dark, 1200);
        var faint = browser.evaluate("""
                (() => {
                  const context = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
                  const rgb = colour => {
                    context.clearRect(0, 0, 1, 1);
                    context.fillStyle = colour;
                    context.fillRect(0, 0, 1, 1);
                    return [...context.getImageData(0, 0, 1, 1).data];
                  };
                  const light = ([r, g, b]) => [[r, 0.2126], [g, 0.7152], [b, 0.0722]].reduce((sum, [v, part]) =>
                    sum + part * (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4), 0);
                  const behind = node => {
                    for (let at = node; at; at = at.parentElement) {
                      const colour = rgb(getComputedStyle(at).backgroundColor);
                      if (colour[3] === 255) return colour;
                    }
                    throw new Error('no background');
                  };
                  const texts = [...document.querySelectorAll('body *')].filter(node => !node.closest('script, noscript, .unseen')
                    && [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim()));
                  const contrast = node => {
                    const style = getComputedStyle(node);
                    const [a, b] = [light(rgb(node.closest('svg') ? style.fill : style.color)), light(behind(node))];
                    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
                  };
                  return {seen: texts.length, faint: texts.filter(node => contrast(node) < 4.5)
                    .map(node => node.textContent + ' ' + contrast(node))};
                })()""");
        assertThat(faint.get("seen").asInt()).isGreaterThan(50);
        assertThat(faint.get("faint")).isEmpty();
    }

    @Test
    void theKeyboardReachesEveryChartAndReadsItOut() throws Exception {
        open("finetune", false, 1200);
        int plots = count(".plot");
        var reached = new LinkedHashSet<String>();
        for (int presses = 0; presses < 60; presses++) {
            browser.press("Tab");
            if (browser.evaluate("document.activeElement.matches('.plot:focus-visible')").asBoolean()) {
                assertThat(browser.evaluate("getComputedStyle(document.activeElement).outlineStyle").asText())
                        .isEqualTo("solid");
                reached.add(browser.evaluate("document.activeElement.getAttribute('aria-label')").asText());
            }
        }
        assertThat(reached).hasSize(plots).allMatch(label -> label.endsWith(", read-out along the curve"));

        browser.evaluate("document.querySelector('.plot').focus()");
        var said = "document.querySelector('.plot').getAttribute('aria-valuetext')";
        browser.press("Home");
        assertThat(browser.evaluate(said).asText()).startsWith("step 0: held-out ");
        browser.press("ArrowRight");
        assertThat(browser.evaluate(said).asText()).startsWith("step 1: training ");
        browser.press("End");
        assertThat(browser.evaluate(said).asText()).startsWith("step 50: ").contains("training ", "held-out ", "mean ");
        assertThat(browser.evaluate("document.querySelector('.readout').textContent"))
                .isEqualTo(browser.evaluate(said));
        assertThat(browser.evaluate("document.querySelector('.cursor').getAttribute('visibility')").asText())
                .isEqualTo("visible");
    }

    /** Every chart has its numbers as a table, every table a name and named columns, and headings leave out no level. */
    @ParameterizedTest
    @ValueSource(strings = {"finetune", "compare"})
    void whoDoesNotSeeFindsTheNumbers(String page) throws Exception {
        open(page, false, 1200);
        assertThat(count("figure")).isPositive().isEqualTo(count("figure details table"))
                .isEqualTo(count(".plot[aria-label]"));
        assertThat(count("figure details tbody tr")).isGreaterThan(count("figure"));
        assertThat(count("table")).isEqualTo(count("table caption"));
        assertThat(count("th:not([scope])")).isZero();
        assertThat(count("section:not([aria-labelledby])")).isZero();
        var levels =
                browser.evaluate("[...document.querySelectorAll('h1, h2, h3')].map(h => h.tagName).join('')").asText();
        assertThat(levels).matches("H1(H2(H3)*)+");
    }
}
