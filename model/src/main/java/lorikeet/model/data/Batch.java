package lorikeet.model.data;

import java.util.Arrays;
import java.util.List;
import lorikeet.kernels.Device;

/**
 * Examples that go through the model together, one after the other without padding.
 *
 * @param sequences their tokens
 * @param labels    for each token itself, or −100 where it is not to be predicted
 */
public record Batch(Sequences sequences, int[] labels) {

    public static Batch of(List<Example> examples) {
        return new Batch(Sequences.of(examples.stream().map(Example::ids).toList()),
                examples.stream().flatMapToInt(example -> Arrays.stream(example.labels())).toArray());
    }

    /**
     * How many labels count. The first token of a sequence can be predicted only from virtual tokens in front of it.
     *
     * @param virtualTokens how many stand there
     */
    public int labelCount(int virtualTokens) {
        int count = 0;
        for (int s = 0; s < sequences.count(); s++) {
            int first = sequences.offsets()[s] + (virtualTokens == 0 ? 1 : 0);
            for (int t = first; t < sequences.offsets()[s + 1]; t++) {
                count += labels[t] == Device.IGNORED_LABEL ? 0 : 1;
            }
        }
        return count;
    }
}
