package lorikeet.kernels;

/**
 * The counter-based generator Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3;
 * 2011) on the host, reading one {@link RandomKey} stream. Keeps the block it computed last.
 */
public final class Philox {
    private static final int ROUNDS = 10;
    private static final long MULTIPLIER_0 = 0xD2511F53L, MULTIPLIER_1 = 0xCD9E8D57L;
    private static final int WEYL_0 = 0x9E3779B9, WEYL_1 = 0xBB67AE85;

    private final int key0, key1, stream0, stream1;
    private long block = -1;
    private int x0, x1, x2, x3;

    public Philox(RandomKey key) {
        key0 = (int) key.seed();
        key1 = (int) (key.seed() >>> 32);
        stream0 = (int) key.stream();
        stream1 = (int) (key.stream() >>> 32);
    }

    /** Words 4 · {@code counter} to 4 · {@code counter} + 3 of the stream that {@code key} names. */
    public static int[] block(RandomKey key, long counter) {
        var philox = new Philox(key);
        philox.compute(counter);
        return new int[] {philox.x0, philox.x1, philox.x2, philox.x3};
    }

    /** The uniform number in [0, 1) that a word stands for: its upper 24 bits. */
    public static float uniform(int word) {
        return (word >>> 8) * 0x1p-24f;
    }

    /** Element {@code i} of the stream as a uniform number in [0, 1). */
    public float uniformAt(long i) {
        return uniform(wordAt(i));
    }

    /** Element {@code i} of the stream as 32 random bits. */
    public int wordAt(long i) {
        if (i >>> 2 != block) {
            compute(i >>> 2);
        }
        return switch ((int) i & 3) {
            case 0 -> x0;
            case 1 -> x1;
            case 2 -> x2;
            default -> x3;
        };
    }

    private void compute(long counter) {
        block = counter;
        int c0 = (int) counter, c1 = (int) (counter >>> 32), c2 = stream0, c3 = stream1;
        int k0 = key0, k1 = key1;
        for (int round = 0; round < ROUNDS; round++) {
            long product0 = MULTIPLIER_0 * (c0 & 0xFFFFFFFFL);
            long product1 = MULTIPLIER_1 * (c2 & 0xFFFFFFFFL);
            c0 = (int) (product1 >>> 32) ^ c1 ^ k0;
            c2 = (int) (product0 >>> 32) ^ c3 ^ k1;
            c1 = (int) product1;
            c3 = (int) product0;
            k0 += WEYL_0;
            k1 += WEYL_1;
        }
        x0 = c0;
        x1 = c1;
        x2 = c2;
        x3 = c3;
    }
}
