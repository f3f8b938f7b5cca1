package lorikeet.engine;

/**
 * How the learning rate changes over a run: up from 0 in a straight line over the warm-up steps, then constant, or down in a
 * straight line or along half a cosine, so that a step after the last would have 0.
 *
 * @param warmup steps until the full rate is reached
 * @param total  steps of the whole run
 */
public record Schedule(Kind kind, int warmup, int total) {

    /** What follows the warm-up. */
    public enum Kind {
        CONSTANT,
        LINEAR,
        COSINE
    }

    /** The factor on the learning rate in {@code step}, counted from 0. */
    public double factor(int step) {
        if (step < warmup) {
            return (step + 1.0) / (warmup + 1.0);
        }
        double progress = Math.min(1, (step - warmup) / Math.max(1.0, total - warmup));
        return switch (kind) {
            case CONSTANT -> 1;
            case LINEAR -> 1 - progress;
            case COSINE -> 0.5 * (1 + Math.cos(Math.PI * progress));
        };
    }
}
