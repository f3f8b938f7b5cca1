package lorikeet.kernels.sim;

import java.util.regex.Pattern;

/** The barriers in a PTX text, to take one away and see whether a test notices. */
public final class Barriers {
    private static final Pattern BARRIER =
            Pattern.compile("(?m)^\\s*(bar|barrier)(\\.cta)?(\\.warp)?\\.(sync|red)\\b[^;]*;");

    private Barriers() {}

    /** Number of {@code bar.sync}, {@code bar.warp.sync} and their kin in a text. */
    public static int count(String ptx) {
        return (int) BARRIER.matcher(ptx).results().count();
    }

    /** The text without its {@code number}-th barrier, counted from 0; lines keep their numbers. */
    public static String without(String ptx, int number) {
        var barrier = BARRIER.matcher(ptx).results().skip(number).findFirst()
                .orElseThrow(() -> new IllegalArgumentException("the text has no barrier number " + number));
        var blank = "\n".repeat((int) barrier.group().chars().filter(c -> c == '\n').count());
        return ptx.substring(0, barrier.start()) + blank + ptx.substring(barrier.end());
    }
}
