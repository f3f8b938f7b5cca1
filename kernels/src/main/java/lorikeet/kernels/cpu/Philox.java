package lorikeet.kernels.cpu;

import lorikeet.kernels.RandomKey;

/**
 * The counter-based generator Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3;
 * 2011), reading one {@link RandomKey} stream. Keeps the block it computed last.
 */
final class Philox {
    private static final long M0 = 0xD2511F53L, M1 = 0xCD9E8D57L;
    private static final int W0 = 0x9E3779B9, W1 = 0xBB67AE85;

    private final int key0, key1, stream0, stream1;
    private long block = -1;
    private int x0, x1, x2, x3;

    Philox(RandomKey key) {
        key0 = (int) key.seed();
        key1 = (int) (key.seed() >>> 32);
        stream0 = (int) key.stream();
        stream1 = (int) (key.stream() >>> 32);
    }

    /** Element {@code i} of the stream, from 0 (inclusive) to 1 (exclusive), a multiple of 2⁻²⁴. */
    float uniform(long i) {
        return (word(i) >>> 8) * 0x1p-24f;
    }

    /** Element {@code i} of the stream as 32 random bits. */
    int word(long i) {
        if (i >>> 2 != block) {
            block = i >>> 2;
            compute();
        }
        return switch ((int) i & 3) {
            case 0 -> x0;
            case 1 -> x1;
            case 2 -> x2;
            default -> x3;
        };
    }

    private void compute() {
        int c0 = (int) block, c1 = (int) (block >>> 32), c2 = stream0, c3 = stream1;
        int k0 = key0, k1 = key1;
        for (int round = 0; round < 10; round++) {
            long p0 = M0 * (c0 & 0xFFFFFFFFL);
            long p1 = M1 * (c2 & 0xFFFFFFFFL);
            c0 = (int) (p1 >>> 32) ^ c1 ^ k0;
            c2 = (int) (p0 >>> 32) ^ c3 ^ k1;
            c1 = (int) p1;
            c3 = (int) p0;
            k0 += W0;
            k1 += W1;
        }
        x0 = c0;
        x1 = c1;
        x2 = c2;
        x3 = c3;
    }
}
