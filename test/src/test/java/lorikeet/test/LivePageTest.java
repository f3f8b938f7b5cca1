package lorikeet.test;

import static lorikeet.test.Browser.until;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Map;
import java.util.stream.IntStream;
import lorikeet.model.Evaluation;
import lorikeet.model.Training;
import lorikeet.peft.report.RunReport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** The page of a run that goes on: what a browser sees of it, and what a server on this machine must not do. */
class LivePageTest {
    @TempDir
    private Path folder;

    private RunReport report() {
        return new RunReport(folder.resolve("report.html"),
                new RunReport.Subject("lora on parrots", Map.of("base", "tiny"),
                        10, 1000, 100, "./lorikeet finetune", Map.of("--seed", "1")));
    }

    private static Training.Step step(int step) {
        return new Training.Step(step, 5f / step, 1e-3f, step == 2 ? Float.NaN : 1, step != 2, 100, 0.01, 1 << 20);
    }

    @Test
    void aBrowserSeesStepsAsTheyComeAndAllOfThemAfterAReload() throws Exception {
        Files.createDirectory(folder.resolve("profile"));
        try (var browser = new Browser(folder.resolve("profile")); var report = report()) {
            var address = report.serve(0);
            report.evaluation(0, new Evaluation(8, 5, 0.25, Double.NaN, 0.1, 0.5));
            browser.size(1200, 900);
            browser.open(address);
            assertThat(browser.evaluate("document.querySelector('.status').textContent").asText()).isEqualTo("running");
            assertThat(browser.evaluate("document.querySelector('.tile').textContent").asText())
                    .isEqualTo("Accuracy on held-out examples25.0 %± 10.0; always the commonest answer: 50.0 %");
            for (int n = 1; n <= 3; n++) {
                report.step(step(n));
            }
            var points = "document.querySelector('.wide [data-points]')?.dataset.points";
            until(() -> browser.evaluate(points).asText().equals("3"), "three steps");
            assertThat(browser.evaluate("document.querySelector('progress').value").asInt()).isEqualTo(3);

            browser.reload();
            until(() -> browser.evaluate(points).asText().equals("3"), "three steps again");
            report.step(step(4));
            until(() -> browser.evaluate(points).asText().equals("4"), "a fourth");
            browser.picture(Path.of("target", "screenshots", "live-1200.png"));
            assertThat(browser.complaints()).isEmpty();
            assertThat(browser.requests()).containsExactlyInAnyOrder(address, address + "events");

            report.ended("finished");
            report.close();
            until(() -> browser.evaluate("document.querySelector('.status').textContent").asText().equals("finished"),
                    "the end");
            assertThat(browser.evaluate("document.querySelector('progress').hidden").asBoolean()).isTrue();
            Thread.sleep(1500); // in which a browser would have tried to come back
            assertThat(browser.complaints()).isEmpty();
            browser.open(folder.resolve("report.html").toUri().toString());
            assertThat(browser.evaluate(points).asText()).isEqualTo("4");
        }
    }

    /** The status line of an answer to a request as it stands here. */
    private static String answer(int port, String request) throws IOException {
        try (var socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            socket.getOutputStream()
                    .write((request + "\r\nConnection: close\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    @Test
    void itAnswersThisMachineAndKnownPathsOnly() throws Exception {
        try (var report = report()) {
            int port = URI.create(report.serve(0)).getPort();
            var host = "\r\nHost: 127.0.0.1:" + port;
            assertThat(answer(port, "GET / HTTP/1.1" + host)).startsWith("HTTP/1.1 200 ").contains("<!DOCTYPE html>",
                    "nosniff", "frame-ancestors 'none'");
            assertThat(answer(port, "GET / HTTP/1.1\r\nHost: localhost:" + port)).startsWith("HTTP/1.1 200 ");
            assertThat(answer(port, "GET / HTTP/1.1\r\nHost: evil.example:" + port)).startsWith("HTTP/1.1 403 ")
                    .doesNotContain("html");
            assertThat(answer(port, "GET /events HTTP/1.1\r\nHost: evil.example")).startsWith("HTTP/1.1 403 ");
            assertThat(answer(port, "POST / HTTP/1.1" + host + "\r\nContent-Length: 0")).startsWith("HTTP/1.1 405 ");
            for (var path : new String[] {"/report.html", "/events/x", "/../etc/passwd", "/favicon.ico"}) {
                assertThat(answer(port, "GET " + path + " HTTP/1.1" + host)).startsWith("HTTP/1.1 404 ");
            }
        }
    }

    private String[] finetune(int port, int steps) throws IOException {
        var data = CommandRun.writeGoldenBatch(folder.resolve("batch.jsonl")).toString();
        return new String[] {"finetune", "--base", GoldenBase.FOLDER.toString(), "--data", data, "--steps", "" + steps,
            "--batch-size", "1", "--rank", "1", "--out", folder.resolve("out").toString(), "--serve", "" + port};
    }

    @Test
    void aPortThatIsTakenIsSaidInOneLine() throws IOException {
        try (var taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            var result = CommandRun.run(CommandRun.with(finetune(taken.getLocalPort(), 1), "--quiet"));
            assertThat(result.exit()).isEqualTo(1);
            assertThat(result.err().lines().filter(line -> line.startsWith("lorikeet: "))).singleElement().asString()
                    .startsWith("lorikeet: --serve: port " + taken.getLocalPort() + " is not free");
            assertThat(folder.resolve("out")).doesNotExist();
        }
    }

    /** A viewer who comes at any time is told all, in order, and that it is over, also when the run was stopped. */
    @Test
    @DisabledOnOs(OS.WINDOWS)
    void aRunIsServedUntilItIsStopped() throws Exception {
        var said = folder.resolve("said.txt");
        var process = OtherProcess.of(finetune(0, 1_000_000)).redirectErrorStream(true)
                .redirectOutput(said.toFile()).start();
        var events = new ArrayList<String>();
        try (var client = HttpClient.newHttpClient()) {
            until(() -> !process.isAlive() || address(said) != null, "an address");
            var request = HttpRequest.newBuilder(URI.create(address(said) + "events")).build();
            client.send(request, BodyHandlers.ofLines()).body().forEach(line -> {
                events.add(line);
                if (line.startsWith("data: {\"step\":20,")) {
                    process.destroy();
                }
            });
        } finally {
            process.destroy();
        }
        assertThat(process.waitFor()).as("%s", Files.readString(said)).isEqualTo(130);
        assertThat(events).startsWith("event: run").endsWith("event: end", "data: {}", "");
        var steps = events.stream().filter(line -> line.startsWith("data: {\"step\":"))
                .map(line -> Integer.parseInt(line.replaceAll("\\D*(\\d+),.*", "$1"))).toList();
        assertThat(steps).contains(20)
                .isEqualTo(IntStream.rangeClosed(steps.getFirst(), steps.getLast()).boxed().toList());
        var last =
                events.stream().filter(line -> line.startsWith("data: {\"kind\":")).reduce((_, b) -> b).orElseThrow();
        assertThat(last).contains("\"state\":\"stopped after step " + steps.getLast() + " of 1000000\"");
        assertThat(folder.resolve("out/report.html")).content().contains("\"live\":false", "stopped after step ");
    }

    private static String address(Path said) throws IOException {
        return Files.readString(said).lines().filter(line -> line.startsWith("live ")).findFirst()
                .map(line -> line.substring("live".length()).strip()).orElse(null);
    }
}
