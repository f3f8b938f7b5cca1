package lorikeet.kernels;

/**
 * Names one stream of random numbers of the counter-based generator Philox4x32-10 (Salmon et al. 2011). Element
 * {@code i} of a stream is word {@code i mod 4} of the block whose key is {@code seed} and whose counter is
 * ({@code i / 4}, {@code stream}), low words first: it depends on nothing else, so every device and any number of threads
 * see the same numbers.
 *
 * @param seed   the run's seed
 * @param stream which stream: derive it from step, micro-step and site with {@link #at}
 */
public record RandomKey(long seed, long stream) {

    /** The stream for one site (a dropout layer, say) in one micro-step of one step. */
    public static RandomKey at(long seed, long step, int microStep, int site) {
        return new RandomKey(seed, mix(mix(mix(step) + microStep) + site));
    }

    /** A stream derived from this one and {@code site}. */
    public RandomKey at(int site) {
        return new RandomKey(seed, mix(stream + site));
    }

    /** The stream for {@code name}, so that what is drawn for one thing does not depend on what else is drawn for. */
    public static RandomKey named(long seed, String name) {
        long stream = 0;
        for (int i = 0; i < name.length(); i++) {
            stream = mix(stream + name.charAt(i));
        }
        return new RandomKey(seed, stream);
    }

    /** SplitMix64's finalizer: neighbouring inputs give unrelated outputs. */
    private static long mix(long x) {
        x += 0x9E3779B97F4A7C15L;
        x = (x ^ (x >>> 30)) * 0xBF58476D1CE4E5B9L;
        x = (x ^ (x >>> 27)) * 0x94D049BB133111EBL;
        return x ^ (x >>> 31);
    }
}
