package lorikeet.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ParallelTest {

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 5})
    void everyTaskRunsOnceInOneOfTheWorkers(int threads) {
        try (var parallel = new Parallel(threads)) {
            for (int count = 0; count < 200; count++) {
                var runs = new AtomicIntegerArray(count);
                var busy = new AtomicIntegerArray(threads);
                parallel.tasks(count, (task, worker) -> {
                    assertThat(busy.incrementAndGet(worker)).isEqualTo(1);
                    runs.incrementAndGet(task);
                    busy.decrementAndGet(worker);
                });
                for (int i = 0; i < count; i++) {
                    assertThat(runs.get(i)).isEqualTo(1);
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3})
    void rangesCoverEverythingOnce(int threads) {
        try (var parallel = new Parallel(threads)) {
            for (int n : new int[] {0, 1, 9, 10, 11, 100, 101}) {
                var seen = new AtomicIntegerArray(n);
                parallel.ranges(n, 10, (from, to) -> {
                    assertThat(to - from).isBetween(1L, 10L);
                    for (long i = from; i < to; i++) {
                        seen.incrementAndGet((int) i);
                    }
                });
                for (int i = 0; i < n; i++) {
                    assertThat(seen.get(i)).isEqualTo(1);
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3})
    void aFailureReachesTheCallerAndTheTeamGoesOn(int threads) {
        try (var parallel = new Parallel(threads)) {
            for (int i = 0; i < 20; i++) {
                assertThatIllegalStateException().isThrownBy(() -> parallel.tasks(10, (task, _) -> {
                    if (task == 7) {
                        throw new IllegalStateException("task 7");
                    }
                })).withMessage("task 7");
            }
            assertThatIllegalStateException().isThrownBy(() -> parallel.tasks(1000, (task, _) -> {
                if (task % 333 == 0) {
                    throw new IllegalStateException("task " + task);
                }
            })).withMessage("task 0");
            var runs = new AtomicIntegerArray(1);
            parallel.tasks(50, (_, _) -> runs.incrementAndGet(0));
            assertThat(runs.get(0)).isEqualTo(50);
        }
    }
}
