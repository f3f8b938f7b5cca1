package lorikeet.model.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class BatchesTest {
    /** Example i consists of tokens i, between 1 and 50 of them. */
    private static final List<Example> EXAMPLES = IntStream.range(0, 1003).mapToObj(i -> {
        var ids = new int[1 + new Random(i).nextInt(50)];
        Arrays.fill(ids, i);
        return new Example(ids, ids);
    }).toList();

    @Test
    void showEveryExampleOnceAnEpoch() {
        for (boolean shuffle : new boolean[] {true, false}) {
            var batches = new Batches(EXAMPLES, 8, shuffle, 3);
            assertThat(batches.perEpoch()).isEqualTo(126);
            for (int epoch = 0; epoch < 3; epoch++) {
                var seen = LongStream.range(epoch * 126, (epoch + 1) * 126).mapToObj(batches::get)
                        .flatMapToInt(batch -> Arrays.stream(members(batch))).sorted().toArray();
                assertThat(seen).isEqualTo(IntStream.range(0, 1003).toArray());
            }
        }
    }

    @Test
    void dependOnSeedAndPlaceAlone() {
        var batches = new Batches(EXAMPLES, 8, true, 3);
        var later = batches.get(300);
        assertThat(members(new Batches(EXAMPLES, 8, true, 3).get(300))).isEqualTo(members(later));
        assertThat(members(batches.get(300 + 126))).isNotEqualTo(members(later));
        assertThat(members(new Batches(EXAMPLES, 8, true, 4).get(300)))
                .isNotEqualTo(members(later));
    }

    @Test
    void keepTheOrderWhenNotToShuffle() {
        var batches = new Batches(EXAMPLES, 8, false, 3);
        assertThat(members(batches.get(0))).containsExactly(0, 1, 2, 3, 4, 5, 6, 7);
        assertThat(members(batches.get(125))).containsExactly(1000, 1001, 1002);
        assertThat(members(batches.get(126))).containsExactly(0, 1, 2, 3, 4, 5, 6, 7);
    }

    @Test
    void holdEverythingWhereThereIsNoMore() {
        for (boolean shuffle : new boolean[] {false, true}) {
            var batches = new Batches(EXAMPLES, Integer.MAX_VALUE, shuffle, 3);
            assertThat(batches.perEpoch()).isEqualTo(1);
            assertThat(members(batches.get(1))).hasSize(EXAMPLES.size()).doesNotHaveDuplicates();
        }
    }

    @Test
    void bringSimilarLengthsTogetherInRandomOrder() {
        var batches = new Batches(EXAMPLES, 8, true, 3);
        int spread = 0;
        int before = 0;
        int falls = 0;
        for (int n = 0; n < 126; n++) {
            var sequences = batches.get(n).sequences();
            var lengths = IntStream.range(0, sequences.count()).map(sequences::length).summaryStatistics();
            spread += lengths.getMax() - lengths.getMin();
            falls += lengths.getMin() < before ? 1 : 0;
            before = lengths.getMin();
        }
        assertThat(spread / 126.0).isLessThan(3); // 38 for batches of 8 chosen at random
        assertThat(falls).isBetween(40, 86);
    }

    @Test
    void refuseToBeNone() {
        assertThatThrownBy(() -> new Batches(List.of(), 8, true, 1)).hasMessageContaining("0 examples");
        assertThatThrownBy(() -> new Batches(EXAMPLES, 0, true, 1)).hasMessageContaining("batches of 0");
    }

    @Test
    void joinExamplesWithoutPadding() {
        var batch = Batch.of(List.of(new Example(new int[] {5, 6, 7}, new int[] {-100, 6, 7}),
                new Example(new int[] {8}, new int[] {8}), new Example(new int[] {9, 4}, new int[] {9, -100})));
        assertThat(batch.sequences().ids()).containsExactly(5, 6, 7, 8, 9, 4);
        assertThat(batch.sequences().offsets()).containsExactly(0, 3, 4, 6);
        assertThat(batch.labels()).containsExactly(-100, 6, 7, 8, 9, -100);
        assertThat(batch.labelCount(0)).isEqualTo(2);
        assertThat(batch.labelCount(4)).isEqualTo(4);
    }

    /** Which examples a batch is made of, told by the first tokens. */
    private static int[] members(Batch batch) {
        return Arrays.stream(batch.sequences().offsets()).limit(batch.sequences().count())
                .map(offset -> batch.sequences().ids()[offset]).toArray();
    }
}
