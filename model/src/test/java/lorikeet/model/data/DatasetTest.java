package lorikeet.model.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class DatasetTest {
    /** Tokens 0, 1, …; a '.' in the pattern masks a label. */
    private static Example example(String pattern) {
        var ids = IntStream.range(0, pattern.length()).toArray();
        return new Example(ids, IntStream.of(ids).map(t -> pattern.charAt(t) == '.' ? -100 : t).toArray());
    }

    private static Dataset fit(String pattern, int sequenceLength) {
        return Dataset.fit(List.of(example(pattern)), sequenceLength);
    }

    private static void assertParts(Dataset dataset, int[]... ids) {
        assertThat(dataset.examples().stream().map(Example::ids).toArray(int[][]::new)).isDeepEqualTo(ids);
    }

    @Test
    void leavesAloneWhatFits() {
        var example = example("...xxx");
        var dataset = Dataset.fit(List.of(example), 6);
        assertThat(dataset.examples()).containsExactly(example);
        assertThat(dataset.remarks()).isEmpty();
    }

    @Test
    void shortensThePromptFromItsStart() {
        var dataset = fit("......xxx", 5);
        assertParts(dataset, new int[] {4, 5, 6, 7, 8});
        assertThat(dataset.examples().getFirst().labels()).containsExactly(-100, -100, 6, 7, 8);
        assertThat(dataset.remarks()).containsExactly("1 examples were longer than 5 tokens and lost their start");
        assertParts(fit("......xxx", 4), new int[] {5, 6, 7, 8});
    }

    @Test
    void neverCutsACompletion() {
        var dataset = Dataset.fit(List.of(example("......xxx"), example("..x")), 3);
        assertParts(dataset, new int[] {0, 1, 2});
        assertThat(dataset.remarks())
                .containsExactly("1 examples were left out: their completion alone does not fit into 3 tokens");
    }

    @Test
    void countsEarlierTurnsThatAreLost() {
        var dataset = fit("..xx..xx", 4);
        assertParts(dataset, new int[] {4, 5, 6, 7});
        assertThat(dataset.remarks()).containsExactly("1 examples were longer than 4 tokens and lost their start",
                "1 of these lost earlier turns that were to be predicted");
        assertThat(fit("...xx..xx", 7).remarks()).hasSize(1);
        assertThat(fit("...xx..xx", 6).remarks()).hasSize(2); // its first label has nothing before it any more
    }

    @Test
    void cutsTextSoThatEachTokenIsPredictedOnce() {
        for (int length = 2; length < 30; length++) {
            for (int sequenceLength = 2; sequenceLength < 12; sequenceLength++) {
                for (var first : List.of("x", ".")) {
                    var text = example(first + "x".repeat(length - 1));
                    var dataset = Dataset.fit(List.of(text), sequenceLength);
                    var predicted = dataset.examples().stream()
                            .flatMapToInt(part -> Arrays.stream(part.labels()).skip(1)).toArray();
                    assertThat(predicted).isEqualTo(IntStream.range(1, length).toArray());
                    var labelled = dataset.examples().stream()
                            .flatMapToInt(part -> Arrays.stream(part.labels())).filter(label -> label >= 0).toArray();
                    assertThat(labelled).isEqualTo(Arrays.stream(text.labels()).filter(label -> label >= 0).toArray());
                    assertThat(dataset.remarks()).hasSize(length > sequenceLength ? 1 : 0);
                }
            }
        }
    }

    @Test
    void dropsWhatTeachesNothing() {
        var dataset = Dataset.fit(List.of(example("...."), example("x"), example("..xx....")), 5);
        assertParts(dataset, new int[] {0, 1, 2, 3});
        assertThat(dataset.remarks()).containsExactly("2 examples were left out: they have no label to learn");
        assertThatThrownBy(() -> fit("xx", 1)).hasMessageContaining("sequence length of 1");
    }
}
