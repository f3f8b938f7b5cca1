package lorikeet.kernels.sim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Random;
import lorikeet.kernels.sim.SimGpu.Schedule;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A whole kernel as nvcc compiles it, under both schedules and with each of its barriers taken away. */
class SoftmaxTest {
    private static final int ROWS = 3, COLUMNS = 517, THREADS = 256;
    private static final String PTX = Simulation.resource("softmax.ptx");

    @ParameterizedTest
    @EnumSource
    void isRightUnderBothSchedules(Schedule schedule) {
        assertThat(largestError(PTX, SimGpu.Options.DEFAULT.withSchedule(schedule))).isBetween(1e-9, 2e-6);
    }

    @Test
    void isFreeOfRaces() {
        assertThat(largestError(PTX, SimGpu.Options.DEFAULT.withRaces(true))).isLessThan(2e-6);
    }

    @Test
    void doesNotDependOnTheNumberOfThreads() {
        assertThat(softmax(PTX, SimGpu.Options.DEFAULT.withThreads(1)))
                .isEqualTo(softmax(PTX, SimGpu.Options.DEFAULT.withThreads(3)));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2})
    void warpSerialScheduleShowsAMissingBarrier(int barrier) {
        var mutilated = Barriers.without(PTX, barrier);
        for (int seed = 0; seed < 20; seed++) {
            var options = SimGpu.Options.DEFAULT.withSeed(seed);
            assertThat(largestError(mutilated, options)).matches(error -> !(error < 1e-3),
                    "seed " + seed + " is wrong");
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2})
    void raceDetectorShowsAMissingBarrierUnderEitherSchedule(int barrier) {
        var mutilated = Barriers.without(PTX, barrier);
        for (var schedule : Schedule.values()) {
            var options = SimGpu.Options.DEFAULT.withSchedule(schedule).withRaces(true);
            assertThatThrownBy(() -> softmax(mutilated, options)).isInstanceOf(GpuFault.class)
                    .hasMessageContainingAll("kernel softmax, block (0, 0, 0), thread (", "PTX line", "race",
                            "shared memory");
        }
    }

    @Test
    void barriersAreCountedAndTakenAwayOneByOne() {
        assertThat(Barriers.count(PTX)).isEqualTo(3);
        assertThat(Barriers.count(Barriers.without(PTX, 1))).isEqualTo(2);
        assertThat(Barriers.without(PTX, 2).lines().count()).isEqualTo(PTX.lines().count());
        assertThat(Barriers.count("\tbar.warp.sync \t-1;\n\tbarrier.sync 0;\n bar.red.popc.u32 %r1, 0, %p1;\n"))
                .isEqualTo(3);
        assertThatThrownBy(() -> Barriers.without(PTX, 3)).hasMessageContaining("no barrier number 3");
    }

    private static float[] input() {
        var random = new Random(7);
        var x = new float[ROWS * COLUMNS];
        for (int i = 0; i < x.length; i++) {
            x[i] = 4 * (float) random.nextGaussian();
        }
        return x;
    }

    private static float[] softmax(String ptx, SimGpu.Options options) {
        try (var sim = new Simulation(options)) {
            long x = sim.upload(input());
            long y = sim.gpu.allocate(4L * ROWS * COLUMNS);
            sim.gpu.launch(sim.gpu.load(ptx, "softmax"), Simulation.grid(ROWS, THREADS), 0, y, x, COLUMNS);
            return sim.floats(y, ROWS * COLUMNS);
        }
    }

    /** Relative error against plain doubles; NaN counts as infinite. */
    private static double largestError(String ptx, SimGpu.Options options) {
        var x = input();
        var y = softmax(ptx, options);
        double largest = 0;
        for (int row = 0; row < ROWS; row++) {
            double sum = 0;
            for (int i = 0; i < COLUMNS; i++) {
                sum += Math.exp(x[row * COLUMNS + i]);
            }
            for (int i = 0; i < COLUMNS; i++) {
                double error = Math.abs(y[row * COLUMNS + i] * sum / Math.exp(x[row * COLUMNS + i]) - 1);
                largest = Math.max(largest, Double.isNaN(error) ? Double.POSITIVE_INFINITY : error);
            }
        }
        return largest;
    }
}
