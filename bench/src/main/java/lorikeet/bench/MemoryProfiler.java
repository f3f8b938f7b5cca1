package lorikeet.bench;

import java.util.Collection;
import java.util.List;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.infra.IterationParams;
import org.openjdk.jmh.profile.InternalProfiler;
import org.openjdk.jmh.results.AggregationPolicy;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.ScalarResult;

/** Reports what {@link Watch} has seen, of all iterations and forks the largest: JMH's own counters would add up. */
public final class MemoryProfiler implements InternalProfiler {

    @Override
    public String getDescription() {
        return "Largest memory in use, by purpose, and what the benchmark says itself";
    }

    @Override
    public void beforeIteration(BenchmarkParams benchmark, IterationParams iteration) {
        Watch.beforeIteration();
    }

    @Override
    public Collection<? extends Result> afterIteration(BenchmarkParams benchmark, IterationParams iteration,
            IterationResult result) {
        return results();
    }

    static List<ScalarResult> results() {
        return Watch.report().entrySet().stream()
                .map(entry -> new ScalarResult(entry.getKey(), entry.getValue(), "", AggregationPolicy.MAX)).toList();
    }
}
