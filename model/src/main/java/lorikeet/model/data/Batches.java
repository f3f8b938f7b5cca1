package lorikeet.model.data;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The endless row of batches that a training run takes: epoch after epoch, in each every example once. Which examples
 * make batch {@code n} depends on the seed and {@code n} alone, so a run can go on anywhere.
 */
public final class Batches {
    /** Batches whose examples are sorted by length together: so many that lengths fit well, so few that order stays random. */
    private static final int WINDOW = 32;

    private final List<Example> examples;
    private final int batchSize;
    private final boolean shuffle;
    private final long seed;
    private long epoch = -1;
    private int[][] order; // the examples of each batch of this epoch

    /**
     * @param batchSize examples a batch; the last of an epoch may have fewer
     * @param shuffle   whether each epoch has a random order of its own, in which examples of similar length share a
     *                  batch; if not, the order stays as it is
     */
    public Batches(List<Example> examples, int batchSize, boolean shuffle, long seed) {
        if (examples.isEmpty() || batchSize < 1) {
            throw new IllegalArgumentException(
                    "no batches of " + batchSize + " can be made of " + examples.size() + " examples");
        }
        this.examples = List.copyOf(examples);
        this.batchSize = batchSize;
        this.shuffle = shuffle;
        this.seed = seed;
    }

    /** Batches of one epoch. */
    public int perEpoch() {
        return Math.ceilDiv(examples.size(), batchSize);
    }

    /** Batch {@code n} of the whole run, counted from 0. */
    public Batch get(long n) {
        if (n / perEpoch() != epoch) {
            epoch = n / perEpoch();
            order = order(epoch);
        }
        var chosen = order[(int) (n % perEpoch())];
        return Batch.of(Arrays.stream(chosen).mapToObj(examples::get).toList());
    }

    private int[][] order(long epoch) {
        if (!shuffle) {
            return split(IntStream.range(0, examples.size()).toArray(), batchSize);
        }
        long key = Shuffle.mix(seed) + epoch;
        var shuffled = Shuffle.permutation(examples.size(), key);
        int window = (int) Math.min((long) WINDOW * batchSize, examples.size());
        var batches = Arrays.stream(split(shuffled, window))
                .map(part -> split(byLength(part), batchSize)).flatMap(Arrays::stream).toArray(int[][]::new);
        return Arrays.stream(Shuffle.permutation(batches.length, Shuffle.mix(key)))
                .mapToObj(b -> batches[b]).toArray(int[][]::new);
    }

    private int[] byLength(int[] part) {
        return Arrays.stream(part).boxed().sorted(Comparator.comparingInt(e -> examples.get(e).length()))
                .mapToInt(e -> e).toArray();
    }

    private static int[][] split(int[] all, int size) {
        return IntStream.range(0, Math.ceilDiv(all.length, size))
                .mapToObj(i -> Arrays.copyOfRange(all, i * size, Math.min((i + 1) * size, all.length)))
                .toArray(int[][]::new);
    }
}
