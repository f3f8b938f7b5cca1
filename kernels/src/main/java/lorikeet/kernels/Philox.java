package lorikeet.kernels;

/**
 * Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3; 2011) on the host. Each device
 * has its own loop over the same function.
 */
public final class Philox {
    private static final int ROUNDS = 10;
    private static final int MULTIPLIER_0 = 0xD2511F53;
    private static final int MULTIPLIER_1 = 0xCD9E8D57;
    private static final int WEYL_0 = 0x9E3779B9;
    private static final int WEYL_1 = 0xBB67AE85;

    private Philox() {}

    /** Words 4 · {@code counter} to 4 · {@code counter} + 3 of the stream that {@code key} names. */
    public static int[] block(RandomKey key, long counter) {
        return block((int) key.seed(), (int) (key.seed() >>> 32), (int) counter, (int) (counter >>> 32),
                (int) key.stream(),
                (int) (key.stream() >>> 32));
    }

    static int[] block(int key0, int key1, int c0, int c1, int c2, int c3) {
        for (int round = 0; round < ROUNDS; round++) {
            long product0 = (MULTIPLIER_0 & 0xFFFFFFFFL) * (c0 & 0xFFFFFFFFL);
            long product1 = (MULTIPLIER_1 & 0xFFFFFFFFL) * (c2 & 0xFFFFFFFFL);
            int next0 = (int) (product1 >>> 32) ^ c1 ^ key0;
            int next2 = (int) (product0 >>> 32) ^ c3 ^ key1;
            c1 = (int) product1;
            c3 = (int) product0;
            c0 = next0;
            c2 = next2;
            key0 += WEYL_0;
            key1 += WEYL_1;
        }
        return new int[] {c0, c1, c2, c3};
    }

    /** The uniform number in [0, 1) that a word stands for: its upper 24 bits. */
    public static float uniform(int word) {
        return (word >>> 8) * 0x1p-24f;
    }
}
