package lorikeet.bench;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import lorikeet.bench.Forks.Measured;
import lorikeet.bench.Forks.Pairs;
import lorikeet.bench.Forks.Subject;
import lorikeet.engine.AtomicFile;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.BitmapEncoder.BitmapFormat;
import org.knowm.xchart.internal.chartpart.Chart;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.results.format.ResultFormatFactory;
import org.openjdk.jmh.results.format.ResultFormatType;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * One thing to measure. Its tables go to standard output and, with its pictures and JMH's own results beside them, into
 * {@code benchmarks.md}.
 */
abstract class Measurement implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Option(names = "--full", description = "Everything, which may take long. Default: a part, within three minutes.")
    boolean full;

    @Option(names = "--out", defaultValue = "docs", paramLabel = "DIR",
            description = "Folder for benchmarks.md and benchmarks/; none: print only. Default: ${DEFAULT-VALUE}.")
    private String out;

    @Option(names = "--threads", defaultValue = "0", paramLabel = "N",
            description = "CPU threads. Default: as many as there are processors.")
    int threads;

    private final List<Object> shown = new ArrayList<>();
    private final List<RunResult> results = new ArrayList<>();
    private double loadBefore;

    /** Measures and shows. */
    abstract void measure() throws IOException;

    @Override
    public Integer call() throws IOException {
        loadBefore = Machine.load();
        measure();
        publish();
        System.out.println(text());
        return 0;
    }

    /** Writes what has been measured so far: a long measurement calls this after each row, so that none is lost. */
    void publish() throws IOException {
        if (out.equals("none")) {
            return;
        }
        var text = new StringBuilder(text());
        if (!results.isEmpty()) {
            text.append("\nJMH's results: [").append(name()).append(".json](benchmarks/").append(name())
                    .append(".json)\n");
            ResultFormatFactory.getInstance(ResultFormatType.JSON, folder().resolve(name() + ".json").toString())
                    .writeOut(results);
        }
        new Document(Path.of(out, "benchmarks.md")).put(name(), text.toString());
    }

    private String text() {
        var text = new StringBuilder(Machine.describe(device(), threads, loadBefore)).append('\n');
        for (var part : shown) {
            text.append('\n').append(part);
        }
        return text.toString();
    }

    /** What this is called in the document: its command. */
    String name() {
        return spec.name();
    }

    /** What is measured. */
    String device() {
        return "cpu";
    }

    private Path folder() throws IOException {
        return Files.createDirectories(Path.of(out, "benchmarks"));
    }

    /** A table, which may still grow. */
    void show(Table table) {
        shown.add(table);
    }

    void show(String line) {
        shown.add(line + "\n");
    }

    /** A picture, called after this measurement and {@code suffix}. */
    void show(Chart<?, ?> chart, String suffix) throws IOException {
        if (!out.equals("none")) {
            var picture = name() + "-" + suffix + ".png";
            var png = BitmapEncoder.getBitmapBytes(chart, BitmapFormat.PNG);
            AtomicFile.write(folder().resolve(picture), channel -> channel.write(ByteBuffer.wrap(png)));
            shown.add("![" + chart.getTitle() + "](benchmarks/" + picture + ")\n");
        }
    }

    /** One fork; what JMH says is kept. */
    Measured run(Forks forks, Class<?> benchmark, String method, Map<String, ?> parameters) {
        return keep(forks.run(benchmark, method, parameters));
    }

    /** Pairs of forks in turn; what JMH says is kept. */
    Pairs alternate(Forks forks, int pairs, Subject a, Subject b) {
        var both = forks.alternate(pairs, a, b);
        both.first().forEach(this::keep);
        both.second().forEach(this::keep);
        return both;
    }

    private Measured keep(Measured measured) {
        results.add(measured.result());
        return measured;
    }
}
