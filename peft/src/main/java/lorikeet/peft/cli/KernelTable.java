package lorikeet.peft.cli;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.stream.Collectors;
import lorikeet.kernels.cuda.PtxCompiler;
import lorikeet.kernels.cuda.PtxCompiler.Usage;
import lorikeet.kernels.sim.KernelProfile;

/** What is known of each CUDA kernel, as a table for the terminal or as a page. */
final class KernelTable {

    /**
     * @param usages  what the kernel takes, by architecture; empty where that is not known
     * @param profile what it did, or null if it was not launched
     */
    record Row(String kernel, List<Usage> usages, KernelProfile profile) {}

    /** @param meaning one line for readers */
    private record Column(String title, String meaning, Function<Row, String> cell) {}

    private static final List<Column> COLUMNS = columns();

    private final List<Row> rows;

    KernelTable(List<Row> rows) {
        this.rows = rows;
    }

    private static List<Column> columns() {
        var columns = new ArrayList<Column>();
        columns.add(new Column("kernel", "name in kernels/src/main/cuda", Row::kernel));
        for (var architecture : PtxCompiler.ARCHITECTURES) {
            columns.add(new Column(architecture, "registers per thread on that architecture",
                    row -> row.usages.stream().filter(usage -> usage.architecture().equals(architecture)).findFirst()
                            .map(usage -> Integer.toString(usage.registers())).orElse("")));
        }
        columns.add(new Column("spilled", "bytes per thread that registers had no room for, on the worst of them",
                row -> most(row, Usage::spillBytes)));
        columns.add(new Column("shared", "bytes of static shared memory per block", row -> most(row,
                Usage::sharedBytes)));
        columns.add(profiled("launches", "in one training step with LoRA", p -> count(p.launches())));
        columns.add(profiled("instructions", "executed by all threads together", p -> count(p.laneInstructions())));
        columns.add(profiled("loads", "32-byte sectors per request to load global memory / if what a request wants lay "
                + "side by side", p -> sectors(p.loads())));
        columns.add(profiled("stores", "the same of stores", p -> sectors(p.stores())));
        columns.add(profiled("conflicts", "passes of shared memory that bank conflicts added",
                p -> percent(p.passesPerIdeal() - 1)));
        columns.add(profiled("divergence", "conditional branches at which a warp parted",
                p -> percent(p.divergence())));
        columns.add(profiled("kB moved", "sectors between threads and global memory, no cache reckoned with",
                p -> kilobytes(p.movedBytes())));
        columns.add(profiled("kB needed", "the same, each sector counted once per launch for reading and once for "
                + "writing", p -> kilobytes(p.neededBytes())));
        columns.add(profiled("ratio", "moved / needed", p -> String.format(Locale.ROOT, "%.2f",
                (double) p.movedBytes() / p.neededBytes())));
        return columns;
    }

    private static Column profiled(String title, String meaning, Function<KernelProfile, String> cell) {
        return new Column(title, meaning, row -> row.profile == null ? "" : cell.apply(row.profile));
    }

    private static String most(Row row, Function<Usage, Integer> number) {
        return row.usages.stream().map(number).max(Comparator.naturalOrder()).map(n -> count(n)).orElse("");
    }

    private static String count(long n) {
        return String.format(Locale.ROOT, "%,d", n);
    }

    private static String sectors(KernelProfile.Traffic traffic) {
        return String.format(Locale.ROOT, "%.2f/%.2f", traffic.sectorsPerRequest(), traffic.idealSectorsPerRequest());
    }

    private static String percent(double share) {
        return String.format(Locale.ROOT, "%.1f %%", 100 * share);
    }

    private static String kilobytes(long bytes) {
        return String.format(Locale.ROOT, "%,.1f", bytes / 1e3);
    }

    /** Columns as wide as they need, then what they mean. */
    String text() {
        var text = new StringBuilder();
        var widths = COLUMNS.stream().mapToInt(column -> rows.stream().mapToInt(row -> column.cell.apply(row).length())
                .reduce(column.title.length(), Math::max)).toArray();
        line(text, widths, Column::title);
        rows.forEach(row -> line(text, widths, column -> column.cell.apply(row)));
        text.append('\n');
        COLUMNS.forEach(column -> text.append(String.format("%-12s  %s%n", column.title, column.meaning)));
        return text.toString();
    }

    private static void line(StringBuilder text, int[] widths, Function<Column, String> content) {
        var line = new StringBuilder();
        for (int i = 0; i < widths.length; i++) {
            int width = i == 0 ? -widths[i] : widths[i]; // names to the left, numbers to the right
            line.append(String.format("%" + width + "s  ", content.apply(COLUMNS.get(i))));
        }
        text.append(line.toString().stripTrailing()).append('\n');
    }

    /** A page that needs nothing besides itself. */
    String html(String caption) {
        var head = COLUMNS.stream().map(column -> "<th title=\"" + column.meaning + "\">" + column.title + "</th>")
                .collect(Collectors.joining());
        var body = rows.stream().map(row -> COLUMNS.stream()
                .map(column -> "<td>" + column.cell.apply(row) + "</td>")
                .collect(Collectors.joining("", "<tr>", "</tr>\n"))).collect(Collectors.joining());
        var meanings = COLUMNS.stream().map(column -> "<dt>" + column.title + "</dt><dd>" + column.meaning + "</dd>\n")
                .collect(Collectors.joining());
        return """
                <!DOCTYPE html>
                <html lang="en">
                <head>
                <meta charset="utf-8">
                <meta name="viewport" content="width=device-width">
                <title>Lorikeet's CUDA kernels</title>
                <style>
                :root { color-scheme: light dark; font: 14px/1.5 system-ui, sans-serif; }
                body { margin: 2rem; }
                table { border-collapse: collapse; white-space: nowrap; font-variant-numeric: tabular-nums; }
                th, td { padding: 0.15rem 0.6rem; text-align: right; border-bottom: 1px solid color-mix(in srgb, currentColor 20%%, transparent); }
                th { position: sticky; top: 0; background: Canvas; }
                :is(th, td):first-child { text-align: left; }
                dl { display: grid; grid-template-columns: max-content auto; column-gap: 1rem; }
                dd { margin: 0; }
                </style>
                </head>
                <body>
                <h1>Lorikeet's CUDA kernels</h1>
                <p>%s</p>
                <table>
                <thead><tr>%s</tr></thead>
                <tbody>
                %s</tbody>
                </table>
                <dl>
                %s</dl>
                </body>
                </html>
                """.formatted(caption, head, body, meanings);
    }
}
