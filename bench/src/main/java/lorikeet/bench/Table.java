package lorikeet.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** A table of results, written so that it reads well in a terminal and is Markdown. */
final class Table {
    private final String title;
    private final List<List<String>> rows = new ArrayList<>();

    Table(String title, String... columns) {
        this.title = title;
        rows.add(List.of(columns));
    }

    /** Numbers are written with three digits, NaN as a dash, all else as it says itself. */
    void row(Object... cells) {
        if (cells.length != rows.getFirst().size()) {
            throw new IllegalArgumentException(cells.length + " cells for " + rows.getFirst());
        }
        var texts = new ArrayList<String>();
        for (var cell : cells) {
            texts.add(cell instanceof Number number ? number(number) : String.valueOf(cell));
        }
        rows.add(texts);
    }

    private static String number(Number number) {
        if (number instanceof Integer || number instanceof Long) {
            return String.format(Locale.ROOT, "%,d", number.longValue());
        }
        double value = number.doubleValue();
        if (Double.isNaN(value)) {
            return "–";
        }
        double size = Math.abs(value);
        return String.format(Locale.ROOT, size >= 100 ? "%,.0f" : size >= 10 ? "%.1f" : size >= 1 ? "%.2f" : "%.3f",
                value);
    }

    /** 10⁶ bytes. */
    static double megabytes(double bytes) {
        return bytes / 1e6;
    }

    /** A target and whether it is met: "≤ 0.85 ✓", or by how much it is missed. */
    static String target(double value, double most) {
        return String.format(Locale.ROOT, value <= most ? "≤ %.2f ✓" : "≤ %.2f missed by %.0f %%", most,
                100 * (value / most - 1));
    }

    @Override
    public String toString() {
        int columns = rows.getFirst().size();
        var widths = new int[columns];
        for (var row : rows) {
            for (int c = 0; c < columns; c++) {
                widths[c] = Math.max(widths[c], length(row.get(c)));
            }
        }
        var text = new StringBuilder(title).append("\n\n");
        for (int r = 0; r < rows.size(); r++) {
            for (int c = 0; c < columns; c++) {
                var cell = rows.get(r).get(c);
                var space = " ".repeat(widths[c] - length(cell));
                text.append("| ").append(c == 0 ? cell + space : space + cell).append(' ');
            }
            text.append("|\n");
            for (int c = 0; c < columns && r == 0; c++) {
                text.append(c == 0 ? "|:" : "|-").append("-".repeat(widths[c])).append(c == 0 ? "-" : ":");
            }
            text.append(r == 0 ? "|\n" : "");
        }
        return text.toString();
    }

    private static int length(String text) {
        return text.codePointCount(0, text.length());
    }
}
