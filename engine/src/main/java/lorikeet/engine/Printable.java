package lorikeet.engine;

/** Text out of files, fit to be shown: on one line, and without anything that a terminal would obey. */
public final class Printable {
    private static final int LONGEST = 2_000;

    private Printable() {}

    /** The text with control and formatting characters spelt out as {@code \\u001b}, and cut where it is absurdly long. */
    public static String line(String text) {
        var line = new StringBuilder();
        int end = Math.min(text.length(), LONGEST);
        text.substring(0, end).codePoints().forEach(c -> {
            if (isObeyed(c)) {
                line.append("\\u%04x".formatted(c));
            } else {
                line.appendCodePoint(c);
            }
        });
        return line.append(end < text.length() ? "…" : "").toString();
    }

    private static boolean isObeyed(int c) {
        return switch (Character.getType(c)) {
            case Character.CONTROL, Character.FORMAT, Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR,
                    Character.SURROGATE ->
                true;
            default -> false;
        };
    }
}
