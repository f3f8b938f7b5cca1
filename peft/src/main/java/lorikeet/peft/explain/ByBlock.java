package lorikeet.peft.explain;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import lorikeet.peft.Charts;
import org.knowm.xchart.internal.chartpart.Chart;

/** Numbers of things in the decoder over the block that they are in: one line for all that are of one kind. */
final class ByBlock {
    private static final Pattern IN_BLOCK = Pattern.compile("h\\.(\\d+)\\.(.+)");

    private final Map<String, Map<Integer, Double>> lines = new LinkedHashMap<>();

    /** {@code attn.c_attn.q} for {@code h.3.attn.c_attn.q}: the same in all blocks. */
    static String kind(String name) {
        var match = IN_BLOCK.matcher(name);
        return match.matches() ? match.group(2) : name;
    }

    /** Takes in a number; what is in no block is left out. */
    ByBlock with(String name, double value) {
        var match = IN_BLOCK.matcher(name);
        if (match.matches()) {
            lines.computeIfAbsent(match.group(2), _ -> new TreeMap<>()).put(Integer.parseInt(match.group(1)), value);
        }
        return this;
    }

    /** The picture, or none if nothing is in a block. */
    Map<String, Chart<?, ?>> picture(String file, String title, String axis) {
        if (lines.isEmpty()) {
            return Map.of();
        }
        var chart = Charts.xy(title, "block", axis);
        chart.getStyler().setXAxisDecimalPattern("0");
        lines.forEach((kind, values) -> chart.addSeries(kind,
                values.keySet().stream().mapToDouble(Integer::doubleValue).toArray(),
                values.values().stream().mapToDouble(Double::doubleValue).toArray()));
        return Map.of(file, chart);
    }
}
