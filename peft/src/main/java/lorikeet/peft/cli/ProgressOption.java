package lorikeet.peft.cli;

import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import picocli.CommandLine.Option;

/** How much a command says while it works: a moving bar on a terminal, a line now and then elsewhere, or nothing. */
final class ProgressOption {
    private static final int LINES = 10;

    @Option(names = "--quiet", description = "No progress and no remarks.")
    boolean quiet;

    /** The progress of one piece of work. */
    interface Bar extends AutoCloseable {
        /** {@code done} so far; {@code message} is shown behind, if not empty. */
        void to(long done, String message);

        default void to(long done) {
            to(done, "");
        }

        @Override
        void close();
    }

    Bar bar(String task, long total) {
        if (quiet || total == 0) {
            return silent();
        }
        return Terminal.showsErrors() ? moving(task, total) : lines(task, total);
    }

    private static Bar silent() {
        return new Bar() {
            @Override
            public void to(long done, String message) {}

            @Override
            public void close() {}
        };
    }

    private static Bar moving(String task, long total) {
        ProgressBar bar = new ProgressBarBuilder().setTaskName(task).setInitialMax(total).showSpeed()
                .setStyle(ProgressBarStyle.ASCII).setUpdateIntervalMillis(200)
                .setConsumer(new ConsoleProgressBarConsumer(System.err)).build();
        return new Bar() {
            @Override
            public void to(long done, String message) {
                bar.stepTo(done);
                bar.setExtraMessage(message.isEmpty() ? "" : " " + message);
            }

            @Override
            public void close() {
                bar.close();
            }
        };
    }

    private static Bar lines(String task, long total) {
        long start = System.nanoTime();
        return new Bar() {
            private long next = Math.ceilDiv(total, LINES);

            @Override
            public void to(long done, String message) {
                if (done >= next || done == total) {
                    double seconds = (System.nanoTime() - start) * 1e-9;
                    System.err.printf("%s: %d of %d, %.1f/s, %.0f s left%s%n", task, done, total, done / seconds,
                            (total - done) * seconds / done, message.isEmpty() ? "" : ", " + message);
                    next = done == total ? Long.MAX_VALUE : done + Math.ceilDiv(total, LINES);
                }
            }

            @Override
            public void close() {}
        };
    }
}
