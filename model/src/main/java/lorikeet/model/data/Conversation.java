package lorikeet.model.data;

import java.util.ArrayList;
import java.util.List;

/**
 * The built-in template for conversations. The system's words stand alone, the others' behind their names, and the
 * assistant's end with end-of-text; they alone are to be predicted:
 *
 * <pre>
 * Answer briefly.
 *
 * User: What barks?
 * Assistant: A dog.&lt;|endoftext|&gt;User: And what purrs?
 * Assistant: A cat.&lt;|endoftext|&gt;
 * </pre>
 */
final class Conversation {
    private final List<TextExample.Piece> pieces = new ArrayList<>();
    private final StringBuilder given = new StringBuilder();

    /** @throws IllegalArgumentException if the role is none of system, user and assistant */
    void add(String role, String content) {
        switch (role) {
            case "system" -> given.append(content).append("\n\n");
            case "user" -> given.append("User: ").append(content).append('\n');
            case "assistant" -> {
                pieces.add(new TextExample.Piece(given.append("Assistant:").toString(), false));
                pieces.add(new TextExample.Piece(" " + content, true));
                given.setLength(0);
            }
            default -> throw new IllegalArgumentException(
                    "role \"" + role + "\" is none of system, user and assistant");
        }
    }

    /** What was said up to the assistant's last turn; empty if it had none. */
    TextExample upToLastAnswer() {
        return new TextExample(pieces);
    }
}
