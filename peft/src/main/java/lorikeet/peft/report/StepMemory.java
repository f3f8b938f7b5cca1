package lorikeet.peft.report;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import lorikeet.kernels.Ledger;
import lorikeet.kernels.Purpose;

/**
 * The memory of a device through one training step.
 *
 * @param name   of the method
 * @param how    it is known
 * @param peak   bytes
 * @param phases in their order; with accumulation forward and backward take turns
 */
public record StepMemory(String name, String how, long peak, List<Phase> phases) {
    /** Moments of all phases together: as many as can be told apart. */
    private static final int POINTS = 160;

    /** @param moments bytes by purpose, in the order of {@link Purpose} */
    public record Phase(String phase, List<List<Long>> moments) {}

    /** Of the many moments of a step keeps those at which most was in use. */
    public static StepMemory of(String name, String how, List<Ledger.Moment> timeline) {
        var stretches = new ArrayList<List<Ledger.Moment>>();
        for (var moment : timeline) {
            if (stretches.isEmpty() || !stretches.getLast().getFirst().phase().equals(moment.phase())) {
                stretches.add(new ArrayList<>());
            }
            stretches.getLast().add(moment);
        }
        int each = Math.max(4, POINTS / Math.max(1, stretches.size()));
        var phases = stretches.stream()
                .map(stretch -> new Phase(stretch.getFirst().phase(), highest(stretch, each))).toList();
        long peak = timeline.stream().mapToLong(Ledger.Moment::total).max().orElse(0);
        return new StepMemory(name, how, peak, phases);
    }

    /** The highest moment of each of about {@code count} parts of equal length. */
    private static List<List<Long>> highest(List<Ledger.Moment> stretch, int count) {
        int window = Math.ceilDiv(stretch.size(), count);
        var moments = new ArrayList<List<Long>>();
        for (int from = 0; from < stretch.size(); from += window) {
            var part = stretch.subList(from, Math.min(from + window, stretch.size()));
            var highest = part.stream().reduce((a, b) -> b.total() > a.total() ? b : a).orElseThrow();
            moments.add(Stream.of(Purpose.values()).map(highest.bytes()::get).toList());
        }
        return moments;
    }
}
