package lorikeet.model.data;

import java.util.Arrays;
import java.util.List;

/** Orders that depend on a seed and on nothing else. */
final class Shuffle {
    private Shuffle() {}

    /** SplitMix64 (Steele et al. 2014): neighbouring inputs give unrelated outputs. */
    static long mix(long x) {
        x += 0x9E3779B97F4A7C15L;
        x = (x ^ (x >>> 30)) * 0xBF58476D1CE4E5B9L;
        x = (x ^ (x >>> 27)) * 0x94D049BB133111EBL;
        return x ^ (x >>> 31);
    }

    /** A number from 0 to {@code bound} − 1, the same for the same key. */
    static int below(int bound, long key) {
        return (int) Long.remainderUnsigned(mix(key), bound);
    }

    /** The numbers 0 to {@code n} − 1 in random order (Fisher and Yates). */
    static int[] permutation(int n, long seed) {
        var order = new int[n];
        Arrays.setAll(order, i -> i);
        long stream = mix(seed);
        for (int i = n - 1; i > 0; i--) {
            int j = below(i + 1, stream + i);
            int swap = order[i];
            order[i] = order[j];
            order[j] = swap;
        }
        return order;
    }

    /** The elements of a list in random order. */
    static <T> List<T> shuffled(List<T> list, long seed) {
        return Arrays.stream(permutation(list.size(), seed)).mapToObj(list::get).toList();
    }
}
