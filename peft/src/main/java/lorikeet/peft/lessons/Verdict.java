package lorikeet.peft.lessons;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * What a check came to.
 *
 * @param text what is right, or what is wrong, where, and why that may be
 */
public record Verdict(boolean passed, String text) {

    /**
     * Checks a student's file in a thread of its own, which is left behind if it does not end.
     *
     * @param limit how long it may take
     * @throws IOException if the file cannot be read
     */
    public static Verdict of(Exercise exercise, Path file, Duration limit) throws IOException, InterruptedException {
        var check = new FutureTask<>(() -> exercise.check(file));
        var thread = Thread.ofPlatform().daemon().name(exercise.name()).start(check);
        try {
            return new Verdict(true, check.get(limit.toMillis(), TimeUnit.MILLISECONDS));
        } catch (TimeoutException _) {
            var place = Mistake.place(file, thread.getStackTrace());
            thread.interrupt();
            return new Verdict(false,
                    place + "still running after " + limit.toSeconds() + " s. Does a loop never end?");
        } catch (ExecutionException e) {
            return switch (e.getCause()) {
                case Mistake mistake -> new Verdict(false, mistake.getMessage());
                case IOException unreadable -> throw unreadable;
                case RuntimeException fault -> throw fault;
                case Error fault -> throw fault;
                case Throwable impossible -> throw new IllegalStateException(impossible);
            };
        }
    }
}
