package lorikeet.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * Runs benchmarks with JMH, each in a process of its own with the flags of this one.
 *
 * @param warmups    iterations that do not count, in each fork
 * @param iterations iterations that count, in each fork
 * @param flags      further flags of the forks' JVMs
 */
record Forks(int warmups, int iterations, List<String> flags) {
    /** JMH reaches for what JDK 25 warns of. */
    private static final String QUIET = "--sun-misc-unsafe-memory-access=allow";

    Forks(int warmups, int iterations) {
        this(warmups, iterations, List.of());
    }

    /** For steps of {@code workload}: the short steps of a small model need more of them until all code is compiled. */
    static Forks of(Workload workload, int iterations) {
        return new Forks(workload.base().startsWith("gpt2") ? 3 : 10, iterations);
    }

    /** One fork of {@code method} of a benchmark class with one value for each named parameter. */
    Measured run(Class<?> benchmark, String method, Map<String, ?> parameters) {
        // Another JMH on the machine is like any other load, and load is stated.
        System.setProperty("jmh.ignoreLock", "true");
        System.err.print(benchmark.getSimpleName() + "." + method + " " + parameters);
        var options = new OptionsBuilder()
                .include("^" + benchmark.getName().replace(".", "\\.") + "\\." + method + "$")
                .forks(1).warmupIterations(warmups).measurementIterations(iterations)
                .warmupTime(TimeValue.seconds(1)).measurementTime(TimeValue.milliseconds(500))
                .addProfiler(MemoryProfiler.class).addProfiler(GCProfiler.class)
                .verbosity(VerboseMode.SILENT).shouldFailOnError(true)
                .jvmArgsAppend(Stream.concat(Stream.of(QUIET), flags.stream()).toArray(String[]::new));
        parameters.forEach((name, value) -> options.param(name, value.toString()));
        try {
            var measured = new Measured(new Runner(options.build()).runSingle());
            System.err.printf(Locale.ROOT, "  %.4g %s%n", measured.median(), measured.unit());
            return measured;
        } catch (RunnerException e) {
            System.err.println();
            throw new IllegalStateException(benchmark.getSimpleName() + " " + parameters + " failed: " + e.getMessage(),
                    e);
        }
    }

    /** Two alternatives measured in turn, so that what else the machine does hits both. */
    record Pairs(List<Measured> first, List<Measured> second) {

        /** The first's median over the second's, with the smallest and the largest ratio within one pair. */
        Ratio time() {
            return ratio(Measured::median);
        }

        /** Likewise of processor time, which other processes on the machine disturb less. */
        Ratio processorTime() {
            return ratio(run -> run.median(Watch.CPU_TIME));
        }

        private Ratio ratio(ToDoubleFunction<Measured> of) {
            var a = first.stream().mapToDouble(of).toArray();
            var b = second.stream().mapToDouble(of).toArray();
            var single = new double[a.length];
            for (int i = 0; i < single.length; i++) {
                single[i] = a[i] / b[i];
            }
            var range = Statistics.range(single);
            return new Ratio(Statistics.median(a) / Statistics.median(b), range[0], range[1]);
        }

        static double median(List<Measured> runs) {
            return Statistics.median(runs.stream().mapToDouble(Measured::median).toArray());
        }
    }

    /** A ratio of medians with the range of the ratios in the single pairs. */
    record Ratio(double value, double least, double most) {
        @Override
        public String toString() {
            return String.format(Locale.ROOT, "%.2f (%.2f–%.2f)", value, least, most);
        }
    }

    /** A benchmark with its parameters. */
    record Subject(Class<?> benchmark, String method, Map<String, ?> parameters) {}

    /** A, B, A, B, …, each time in a new process. */
    Pairs alternate(int pairs, Subject a, Subject b) {
        var first = new ArrayList<Measured>();
        var second = new ArrayList<Measured>();
        for (int i = 0; i < pairs; i++) {
            first.add(run(a.benchmark, a.method, a.parameters));
            second.add(run(b.benchmark, b.method, b.parameters));
        }
        return new Pairs(first, second);
    }

    /** What JMH measured in one fork. */
    record Measured(RunResult result) {

        /** Of all iterations. */
        double median() {
            return result.getPrimaryResult().getStatistics().getPercentile(50);
        }

        String unit() {
            return result.getPrimaryResult().getScoreUnit();
        }

        /** Of a secondary result over all iterations. */
        double median(String name) {
            return result.getSecondaryResults().get(name).getStatistics().getPercentile(50);
        }

        /** Of a secondary result what the last iteration said. */
        double last(String name) {
            var iterations = List.copyOf(List.copyOf(result.getBenchmarkResults()).getLast().getIterationResults());
            return iterations.getLast().getSecondaryResults().get(name).getScore();
        }

        /** A secondary result, where memory is meant the largest; NaN if there is none of this name. */
        double secondary(String name) {
            var found = result.getSecondaryResults().get(name);
            return found == null ? Double.NaN : found.getScore();
        }
    }
}
