package lorikeet.kernels;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * The books of one device's memory: bytes in use and their peak, by {@link Purpose}. <i>Requested</i> bytes are what was
 * asked for, <i>reserved</i> bytes what the pool took for it after rounding up to a size class.
 */
public final class Ledger {
    private final long[] current = new long[Purpose.values().length];
    private final long[] peak = new long[Purpose.values().length];
    private long total;
    private long peakTotal;
    private long reserved;
    private long peakReserved;
    private final long[] atPeak = new long[Purpose.values().length];
    /** Null unless a timeline is kept; the phase is null before the first. */
    private List<Moment> timeline;
    private String phase;

    /** What was in use after a booking, and in which phase of the work. */
    public record Moment(String phase, Map<Purpose, Long> bytes) {
        /** Of all purposes. */
        public long total() {
            return bytes.values().stream().mapToLong(Long::longValue).sum();
        }
    }

    /** Bytes in use now for {@code purpose}. */
    public long current(Purpose purpose) {
        return current[purpose.ordinal()];
    }

    /** The most bytes ever in use for {@code purpose} since the last {@link #resetPeaks}. */
    public long peak(Purpose purpose) {
        return peak[purpose.ordinal()];
    }

    /** Bytes in use now for all purposes together. */
    public long current() {
        return total;
    }

    /** The most bytes in use at any one moment since the last {@link #resetPeaks}. */
    public long peak() {
        return peakTotal;
    }

    /** Bytes by purpose at the moment of the overall peak; they sum up to {@link #peak()}. */
    public Map<Purpose, Long> atPeak() {
        return byPurpose(atPeak);
    }

    private static Map<Purpose, Long> byPurpose(long[] bytes) {
        var byPurpose = new EnumMap<Purpose, Long>(Purpose.class);
        for (var purpose : Purpose.values()) {
            byPurpose.put(purpose, bytes[purpose.ordinal()]);
        }
        return byPurpose;
    }

    /** Bytes that live allocations occupy, size-class rounding included. */
    public long reserved() {
        return reserved;
    }

    /** Peak of {@link #reserved()} since the last {@link #resetPeaks}. */
    public long peakReserved() {
        return peakReserved;
    }

    /** Forgets the peaks so far: from here on they count from what is in use now. */
    public void resetPeaks() {
        System.arraycopy(current, 0, peak, 0, peak.length);
        System.arraycopy(current, 0, atPeak, 0, atPeak.length);
        peakTotal = total;
        peakReserved = reserved;
    }

    /** Keeps every moment from the next phase on. Meant for a step or two: it takes memory for each booking. */
    public void startTimeline() {
        timeline = new ArrayList<>();
        phase = null;
    }

    /** Says what the bookings that follow belong to, such as "backward". */
    public void enter(String newPhase) {
        phase = newPhase;
    }

    /** The moments since {@link #startTimeline}; none are kept any more. */
    public List<Moment> endTimeline() {
        var moments = timeline;
        timeline = null;
        return moments;
    }

    void book(Purpose purpose, long requestedBytes, long reservedBytes) {
        int i = purpose.ordinal();
        current[i] += requestedBytes;
        total += requestedBytes;
        reserved += reservedBytes;
        peak[i] = Math.max(peak[i], current[i]);
        peakReserved = Math.max(peakReserved, reserved);
        if (total > peakTotal) {
            peakTotal = total;
            System.arraycopy(current, 0, atPeak, 0, atPeak.length);
        }
        if (timeline != null && phase != null) {
            timeline.add(new Moment(phase, byPurpose(current)));
        }
    }

    /** What is in use now, for people: "weights 24.9 MB, gradients 0.4 MB, …". */
    @Override
    public String toString() {
        return Arrays.stream(Purpose.values()).map(purpose -> String.format(Locale.ROOT, "%s %.1f MB",
                purpose.label(), current(purpose) / 1e6)).collect(Collectors.joining(", "));
    }
}
