package lorikeet.test;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.WebSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;

/** A real Chromium without a window, told what to do over its DevTools protocol. Tests are skipped where there is none. */
final class Browser implements AutoCloseable {
    private static final int PATIENCE_SECONDS = 60;
    private static final List<String> NAMES = List.of("chromium", "chromium-browser", "google-chrome",
            "google-chrome-stable");
    private static final JsonMapper JSON = new JsonMapper();

    private final Process process;
    private final WebSocket socket;
    private final Map<Integer, CompletableFuture<JsonNode>> answers = new ConcurrentHashMap<>();
    private final List<JsonNode> events = new CopyOnWriteArrayList<>();
    private final HttpClient client = HttpClient.newHttpClient();
    private int calls;

    /** @param profile an empty folder */
    Browser(Path profile) throws Exception {
        process = new ProcessBuilder(command(profile)).redirectErrorStream(true)
                .redirectOutput(profile.resolve("said.txt").toFile()).start();
        var port = profile.resolve("DevToolsActivePort");
        until(() -> Files.exists(port) && Files.readAllLines(port).size() == 2, "a port of the browser's");
        var list = URI.create("http://127.0.0.1:" + Files.readAllLines(port).getFirst() + "/json/list");
        var pages = JSON.readTree(client.send(HttpRequest.newBuilder(list).build(), BodyHandlers.ofString()).body());
        var address = Stream.iterate(0, i -> i < pages.size(), i -> i + 1).map(pages::get)
                .filter(page -> page.get("type").asText().equals("page")).findFirst().orElseThrow();
        socket = client.newWebSocketBuilder()
                .buildAsync(URI.create(address.get("webSocketDebuggerUrl").asText()), new Listener())
                .get(PATIENCE_SECONDS, SECONDS);
        for (var domain : List.of("Page", "Runtime", "Log", "Network")) {
            call(domain + ".enable", Map.of());
        }
    }

    private static List<String> command(Path profile) {
        var program = Stream.of(System.getenv("PATH").split(File.pathSeparator))
                .flatMap(folder -> NAMES.stream().map(name -> Path.of(folder, name))).filter(Files::isExecutable)
                .findFirst();
        assumeThat(program).as("a Chromium on PATH, for tests in a browser").isPresent();
        return Stream.concat(Stream.of(program.get().toString()), Stream.of("--headless=new", "--no-sandbox", // for root
                "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
                "--disable-sync", "--disable-quic", "--disable-extensions", "--remote-debugging-port=0",
                "--user-data-dir=" + profile, "about:blank")).toList();
    }

    /** What the browser says: answers to calls, and events. */
    private final class Listener implements WebSocket.Listener {
        private final StringBuilder message = new StringBuilder();

        @Override
        public CompletionStage<?> onText(WebSocket from, CharSequence text, boolean last) {
            message.append(text);
            if (last) {
                try {
                    var json = JSON.readTree(message.toString());
                    if (json.has("id")) {
                        answers.remove(json.get("id").asInt()).complete(json);
                    } else {
                        events.add(json);
                    }
                } catch (IOException e) {
                    throw new IllegalStateException(e);
                } finally {
                    message.setLength(0);
                }
            }
            from.request(1);
            return null;
        }
    }

    JsonNode call(String method, Map<String, ?> parameters) throws Exception {
        var answer = new CompletableFuture<JsonNode>();
        int id = ++calls;
        answers.put(id, answer);
        var text = JSON.writeValueAsString(Map.of("id", id, "method", method, "params", parameters));
        socket.sendText(text, true).get(PATIENCE_SECONDS, SECONDS);
        var json = answer.get(PATIENCE_SECONDS, SECONDS);
        assertThat(json.has("error")).as("%s: %s", method, json).isFalse();
        return json.get("result");
    }

    /** Something that has to become true. */
    interface Condition {
        boolean holds() throws Exception;
    }

    static void until(Condition condition, String what) throws Exception {
        long end = System.nanoTime() + SECONDS.toNanos(PATIENCE_SECONDS);
        while (!condition.holds()) {
            assertThat(System.nanoTime()).as("waited in vain for " + what).isLessThan(end);
            Thread.sleep(20);
        }
    }

    /** Opens a page and waits until it is there. What earlier pages did is forgotten. */
    void open(String address) throws Exception {
        events.clear();
        call("Page.navigate", Map.of("url", address));
        until(() -> of("Page.loadEventFired").findAny().isPresent(), address);
    }

    void reload() throws Exception {
        events.clear();
        call("Page.reload", Map.of());
        until(() -> of("Page.loadEventFired").findAny().isPresent(), "the page again");
    }

    private Stream<JsonNode> of(String event) {
        return events.stream().filter(each -> each.get("method").asText().equals(event))
                .map(each -> each.get("params"));
    }

    /** The value of a JavaScript expression in the page. */
    JsonNode evaluate(String expression) throws Exception {
        var result = call("Runtime.evaluate", Map.of("expression", expression, "returnByValue", true));
        assertThat(result.has("exceptionDetails")).as("%s: %s", expression, result).isFalse();
        return result.get("result").path("value");
    }

    void size(int width, int height) throws Exception {
        call("Emulation.setDeviceMetricsOverride",
                Map.of("width", width, "height", height, "deviceScaleFactor", 1, "mobile", width < 600));
    }

    void dark(boolean dark) throws Exception {
        call("Emulation.setEmulatedMedia", Map.of("features",
                List.of(Map.of("name", "prefers-color-scheme", "value", dark ? "dark" : "light"))));
    }

    void press(String key) throws Exception {
        for (var type : List.of("rawKeyDown", "keyUp")) {
            call("Input.dispatchKeyEvent", Map.of("type", type, "key", key, "code", key, "windowsVirtualKeyCode",
                    switch (key) {
                        case "Tab" -> 9;
                        case "End" -> 35;
                        case "Home" -> 36;
                        case "ArrowLeft" -> 37;
                        case "ArrowRight" -> 39;
                        default -> throw new IllegalArgumentException(key);
                    }));
        }
    }

    /** The whole page, as a PNG. */
    void picture(Path file) throws Exception {
        var picture = call("Page.captureScreenshot", Map.of("format", "png", "captureBeyondViewport", true));
        Files.createDirectories(file.getParent());
        Files.write(file, Base64.getDecoder().decode(picture.get("data").asText()));
    }

    /** Errors and exceptions of the page, and what it was not allowed to do. */
    List<String> complaints() {
        var complaints = new ArrayList<String>();
        of("Runtime.exceptionThrown").forEach(event -> complaints.add(event.toString()));
        of("Runtime.consoleAPICalled").forEach(event -> complaints.add(event.toString()));
        of("Log.entryAdded").forEach(event -> complaints.add(event.toString()));
        return complaints;
    }

    /** Addresses that were asked for. */
    List<String> requests() {
        return of("Network.requestWillBeSent").map(event -> event.get("request").get("url").asText())
                .filter(url -> !url.startsWith("data:")).toList();
    }

    /** Ends the browser and waits for all of its processes, which write into the profile. */
    @Override
    public void close() throws Exception {
        socket.abort();
        client.close();
        var all = process.descendants().toList();
        process.destroy();
        process.waitFor(PATIENCE_SECONDS, SECONDS);
        for (var child : all) {
            child.destroyForcibly();
            child.onExit().get(PATIENCE_SECONDS, SECONDS);
        }
    }
}
