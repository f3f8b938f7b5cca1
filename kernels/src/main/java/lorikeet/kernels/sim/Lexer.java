package lorikeet.kernels.sim;

import java.util.ArrayList;
import java.util.List;

/** Cuts a PTX text into words, numbers, strings and single punctuation marks; comments vanish. */
final class Lexer {
    /** One token and the line, counted from 1, on which it starts. A word may hold dots: {@code ld.global.f32}. */
    record Token(Kind kind, String text, int line) {
        boolean is(String expected) {
            return text.equals(expected) && kind != Kind.STRING;
        }
    }

    enum Kind { WORD, NUMBER, STRING, MARK, END }

    private final String text;
    private int at;
    private int line = 1;

    private Lexer(String text) {
        this.text = text;
    }

    static List<Token> tokens(String text) {
        var lexer = new Lexer(text);
        var tokens = new ArrayList<Token>();
        do {
            tokens.add(lexer.next());
        } while (tokens.getLast().kind() != Kind.END);
        return tokens;
    }

    private Token next() {
        skipBlanksAndComments();
        if (at >= text.length()) {
            return new Token(Kind.END, "end of text", line);
        }
        int start = at;
        int startLine = line;
        char first = text.charAt(at++);
        if (isWordStart(first)) {
            while (at < text.length() && (isWordPart(text.charAt(at)) || doubleColon())) {
                at += doubleColon() ? 2 : 1;
            }
            return new Token(Kind.WORD, text.substring(start, at), startLine);
        }
        if (Character.isDigit(first)) {
            while (at < text.length() && (Character.isLetterOrDigit(text.charAt(at)) || text.charAt(at) == '.')) {
                at++;
            }
            return new Token(Kind.NUMBER, text.substring(start, at), startLine);
        }
        if (first == '"') {
            int end = text.indexOf('"', at);
            int lineEnd = endOfLine();
            at = end < 0 || end > lineEnd ? lineEnd : end + 1;
            return new Token(Kind.STRING, text.substring(start, at), startLine);
        }
        return new Token(Kind.MARK, String.valueOf(first), startLine);
    }

    private void skipBlanksAndComments() {
        while (at < text.length()) {
            char c = text.charAt(at);
            if (c == '\n') {
                line++;
                at++;
            } else if (Character.isWhitespace(c)) {
                at++;
            } else if (text.startsWith("//", at)) {
                at = endOfLine();
            } else if (text.startsWith("/*", at)) {
                int end = text.indexOf("*/", at + 2);
                int after = end < 0 ? text.length() : end + 2;
                line += (int) text.substring(at, after).chars().filter(x -> x == '\n').count();
                at = after;
            } else {
                return;
            }
        }
    }

    private int endOfLine() {
        int end = text.indexOf('\n', at);
        return end < 0 ? text.length() : end;
    }

    private boolean doubleColon() {
        return text.startsWith("::", at);
    }

    private static boolean isWordStart(char c) {
        return c == '.' || c == '%' || c == '$' || c == '_' || Character.isLetter(c);
    }

    private static boolean isWordPart(char c) {
        return isWordStart(c) || Character.isDigit(c);
    }
}
