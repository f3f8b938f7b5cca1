package lorikeet.peft;

import java.awt.Color;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import lorikeet.engine.AtomicFile;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.BitmapEncoder.BitmapFormat;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.HeatMapChart;
import org.knowm.xchart.HeatMapChartBuilder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.internal.chartpart.Chart;

/** Charts of one size and look, and the files that they end in. */
public final class Charts {
    private static final int WIDTH = 900;
    private static final int HEIGHT = 560;
    /** Most numbers along an axis of a heat map. */
    private static final int LABELS = 16;

    static {
        System.setProperty("java.awt.headless", "true"); // before anything of AWT's is loaded
    }

    private Charts() {}

    /** Numbers over numbers. */
    public static XYChart xy(String title, String x, String y) {
        var chart = new XYChartBuilder().width(WIDTH).height(HEIGHT).title(title).xAxisTitle(x).yAxisTitle(y).build();
        chart.getStyler().setChartBackgroundColor(Color.WHITE);
        return chart;
    }

    /** Numbers of things that have names. */
    public static CategoryChart categories(String title, String y) {
        var chart = new CategoryChartBuilder().width(WIDTH).height(HEIGHT).title(title).yAxisTitle(y).build();
        chart.getStyler().setChartBackgroundColor(Color.WHITE);
        return chart;
    }

    /**
     * Shares by colour, from white for 0 to dark blue for 1, over two numbers that count from 1.
     *
     * @param values the value of (x, y) at [x − 1][y − 1]
     */
    public static HeatMapChart heatMap(String title, String x, String y, double[][] values) {
        var chart = new HeatMapChartBuilder().width(WIDTH).height(HEIGHT).title(title).xAxisTitle(x).yAxisTitle(y)
                .build();
        chart.getStyler().setMin(0).setMax(1).setRangeColors(new Color[] {Color.WHITE, new Color(0x08306b)})
                .setChartBackgroundColor(Color.WHITE);
        var cells = new ArrayList<Number[]>();
        for (int i = 0; i < values.length; i++) {
            for (int j = 0; j < values[i].length; j++) {
                cells.add(new Number[] {i, j, values[i][j]});
            }
        }
        chart.addSeries("share", countTo(values.length), countTo(values[0].length), cells);
        return chart;
    }

    /** 1, 2, 3, …; where there are many, only some are written. */
    private static List<String> countTo(int last) {
        int step = Math.ceilDiv(last, LABELS);
        return IntStream.rangeClosed(1, last).mapToObj(i -> i == 1 || i % step == 0 ? "" + i : " ").toList();
    }

    /** Writes a chart as a PNG file. */
    public static void write(Chart<?, ?> chart, Path file) throws IOException {
        var png = BitmapEncoder.getBitmapBytes(chart, BitmapFormat.PNG);
        AtomicFile.write(file, channel -> channel.write(ByteBuffer.wrap(png)));
    }
}
