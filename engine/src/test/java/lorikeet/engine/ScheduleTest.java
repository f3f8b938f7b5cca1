package lorikeet.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import lorikeet.engine.Schedule.Kind;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class ScheduleTest {
    /** Four steps of warm-up, then twelve to the end at 16. */
    @ParameterizedTest
    @CsvSource({
        "CONSTANT, 0, 0.2", "CONSTANT, 3, 0.8", "CONSTANT, 4, 1", "CONSTANT, 15, 1", "CONSTANT, 99, 1",
        "LINEAR, 0, 0.2", "LINEAR, 3, 0.8", "LINEAR, 4, 1", "LINEAR, 7, 0.75", "LINEAR, 10, 0.5", "LINEAR, 16, 0",
        "LINEAR, 99, 0",
        "COSINE, 0, 0.2", "COSINE, 4, 1", "COSINE, 8, 0.75", "COSINE, 10, 0.5", "COSINE, 12, 0.25", "COSINE, 16, 0",
        "COSINE, 99, 0"})
    void factors(Kind kind, int step, double expected) {
        assertThat(new Schedule(kind, 4, 16).factor(step)).isCloseTo(expected, within(1e-12));
    }

    @ParameterizedTest
    @EnumSource
    void risesToOneThenNeverRisesAgainAndNoStepIsLost(Kind kind) {
        var schedule = new Schedule(kind, 5, 40);
        for (int step = 0; step < 40; step++) {
            assertThat(schedule.factor(step)).isPositive().isLessThanOrEqualTo(1);
            if (step < 5) {
                assertThat(schedule.factor(step)).isLessThan(schedule.factor(step + 1));
            } else {
                assertThat(schedule.factor(step)).isGreaterThanOrEqualTo(schedule.factor(step + 1));
            }
        }
    }

    @Test
    void withoutWarmUpTheFirstStepHasTheFullRate() {
        for (var kind : Kind.values()) {
            assertThat(new Schedule(kind, 0, 10).factor(0)).isEqualTo(1);
        }
    }

    /** A run that is nothing but warm-up, or has no step at all, still has a rate. */
    @Test
    void shortRuns() {
        for (var kind : Kind.values()) {
            assertThat(new Schedule(kind, 3, 3).factor(2)).isEqualTo(0.75);
            assertThat(new Schedule(kind, 0, 0).factor(0)).isEqualTo(1);
        }
    }
}
