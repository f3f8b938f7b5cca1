package lorikeet.peft.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import lorikeet.engine.AtomicFile;

/**
 * A page in one file: style, script and, as JSON, the data that the script draws. Its own policy lets it load nothing and
 * run no other script than this one.
 */
public final class Page {
    private static final JsonMapper JSON = JsonMapper.builder()
            .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE).build();
    private static final String SCRIPT = Stream.of("charts.js", "training.js", "comparison.js", "page.js")
            .map(Page::resource).collect(Collectors.joining("\n"));
    private static final String TEMPLATE = resource("page.html").replace("{{style}}", resource("page.css"))
            .replace("{{script}}", SCRIPT).replace("{{hash}}", "sha256-" + digest(SCRIPT));

    private Page() {}

    /** The data as JSON on one line, in which no tag begins. */
    public static String json(Object data) {
        try {
            return JSON.writeValueAsString(data).replace("<", "\\u003c");
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(e);
        }
    }

    /** @param json from {@link #json} */
    public static String html(String json) {
        return TEMPLATE.replace("{{data}}", json);
    }

    /** Writes the page beside, then renames it. */
    public static void write(Path file, Object data) throws IOException {
        var html = StandardCharsets.UTF_8.encode(html(json(data)));
        AtomicFile.write(file, channel -> channel.write(html));
    }

    private static String resource(String name) {
        try (var stream = Page.class.getResourceAsStream(name)) {
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String digest(String script) {
        try {
            return Base64.getEncoder().encodeToString(
                    MessageDigest.getInstance("SHA-256").digest(script.getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java has SHA-256", e);
        }
    }
}
