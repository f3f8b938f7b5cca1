package lorikeet.bench;

import java.util.regex.Pattern;
import picocli.CommandLine.Option;

/** Which rows of a long table. */
final class Rows {
    @Option(names = "--only", defaultValue = "", paramLabel = "REGEX",
            description = "Only the rows that begin so, such as \"gpt2-small 4x128 lora\".")
    private Pattern only;

    boolean wanted(Object... name) {
        var words = new StringBuilder();
        for (var word : name) {
            words.append(word).append(' ');
        }
        return only.matcher(words).lookingAt();
    }
}
