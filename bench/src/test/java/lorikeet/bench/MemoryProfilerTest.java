package lorikeet.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import lorikeet.kernels.DType;
import lorikeet.kernels.Devices;
import lorikeet.kernels.Precision;
import lorikeet.kernels.Purpose;
import org.junit.jupiter.api.Test;
import org.openjdk.jmh.results.BenchmarkResult;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.ResultRole;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.results.ScalarResult;
import org.openjdk.jmh.results.SingleShotResult;

class MemoryProfilerTest {
    /** The second of three iterations needs most: it is what is reported, not the sum, the mean or the last. */
    @Test
    void theLargestOfAllIterationsIsKept() {
        var iterations = new ArrayList<List<ScalarResult>>();
        try (var device = Devices.open("cpu", Precision.STRICT, 1)) {
            var weights = device.memory().allocate(DType.F32, 100, Purpose.WEIGHTS);
            Watch.start(device.memory().ledger());
            for (long floats : new long[] {10, 50, 20}) {
                Watch.beforeIteration();
                device.memory().allocateOwned(DType.F32, floats, Purpose.ACTIVATIONS).release();
                iterations.add(MemoryProfiler.results());
            }
            weights.release();
        }
        assertThat(largest(iterations, "peak")).isEqualTo(600);
        assertThat(largest(iterations, "activations")).isEqualTo(200);
        assertThat(largest(iterations, "weights")).isEqualTo(400);
        assertThat(iterations.getLast()).anySatisfy(result -> {
            assertThat(result.getLabel()).isEqualTo("peak");
            assertThat(result.getScore()).isEqualTo(480); // peaks begin anew in each iteration
        });
    }

    /** Of three losses the last is asked for, which is neither the largest nor the smallest. */
    @Test
    void theLastLossIsTheLastIterations() {
        var iterations = new ArrayList<List<ScalarResult>>();
        Watch.start(null);
        for (double loss : new double[] {3, 1, 2}) {
            Watch.say("last loss", loss);
            Watch.beforeIteration();
            iterations.add(MemoryProfiler.results());
        }
        var measured = new Forks.Measured(new RunResult(null, List.of(reported(iterations))));
        assertThat(measured.last("last loss")).isEqualTo(2);
    }

    private static double largest(List<List<ScalarResult>> iterations, String label) {
        return reported(iterations).getSecondaryResults().get(label).getScore();
    }

    /** As JMH does it. */
    private static BenchmarkResult reported(List<List<ScalarResult>> iterations) {
        var asReported = iterations.stream().map(results -> {
            var iteration = new IterationResult(null, null, null);
            iteration.addResult(new SingleShotResult(ResultRole.PRIMARY, "time", 1, TimeUnit.SECONDS));
            iteration.addResults(results);
            return iteration;
        }).toList();
        return new BenchmarkResult(null, asReported);
    }
}
