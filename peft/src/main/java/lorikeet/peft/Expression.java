package lorikeet.peft;

import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import java.util.stream.IntStream;

/** A regular expression that a stranger may have written: some of them try ever more ways to match, without an end. */
final class Expression {
    private static final int LONGEST = 1_000;
    private static final int PATIENCE_SECONDS = 1;
    /** Without repetitions and alternatives there is but one way. */
    private static final Pattern ONE_WAY = Pattern.compile("[^*+?{|(]*");

    private final String text;
    private final Pattern pattern;

    /** @throws IllegalArgumentException if it is malformed or absurdly long */
    Expression(String text) {
        this.text = text;
        if (text.length() > LONGEST) {
            throw new IllegalArgumentException(
                    "expected a pattern of at most " + LONGEST + " characters, not " + text.length());
        }
        try {
            pattern = Pattern.compile(text);
        } catch (PatternSyntaxException e) {
            throw new IllegalArgumentException(e.getDescription() + " in pattern " + text, e);
        }
    }

    /**
     * Whether it matches {@code name} from end to end.
     *
     * @throws IllegalArgumentException if that cannot be found out
     */
    boolean matches(String name) {
        return inTime(name, from -> pattern.matcher(from).matches());
    }

    /** Likewise, whether it matches {@code name} or all of it that stands behind one of its dots. */
    boolean matchesEndOf(String name) {
        return inTime(name, this::matchesAnEnd);
    }

    /** A ^ stands for the start of the whole text, in each of its ends. */
    private boolean matchesAnEnd(CharSequence whole) {
        var matcher = pattern.matcher(whole).useAnchoringBounds(false).useTransparentBounds(true);
        return IntStream.range(0, whole.length()).filter(from -> from == 0 || whole.charAt(from - 1) == '.')
                .anyMatch(from -> matcher.region(from, whole.length()).matches());
    }

    private boolean inTime(String name, Predicate<CharSequence> matching) {
        if (ONE_WAY.matcher(text).matches()) {
            return matching.test(name);
        }
        var match = new FutureTask<>(() -> matching.test(new Interruptible(name)));
        Thread.ofPlatform().daemon().name("pattern").start(match);
        try {
            return match.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
        } catch (TimeoutException e) {
            throw new IllegalArgumentException("pattern " + text + " finds no end on " + name, e);
        } catch (ExecutionException e) {
            throw new IllegalArgumentException("pattern " + text + " cannot be matched with " + name, e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CancellationException("interrupted while matching " + text);
        } finally {
            match.cancel(true);
        }
    }

    /** A text of which an interrupted thread reads no further. */
    private record Interruptible(String text) implements CharSequence {
        @Override
        public char charAt(int index) {
            if (Thread.currentThread().isInterrupted()) {
                throw new CancellationException();
            }
            return text.charAt(index);
        }

        @Override
        public int length() {
            return text.length();
        }

        @Override
        public CharSequence subSequence(int start, int end) {
            return new Interruptible(text.substring(start, end));
        }
    }
}
