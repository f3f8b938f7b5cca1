package lorikeet.model.data;

import java.util.Arrays;
import lorikeet.kernels.Device;

/**
 * One sequence to learn from or to be tested on.
 *
 * @param ids     its tokens, without padding
 * @param labels  for each token itself, or −100 where it is not to be predicted (a prompt)
 * @param padding tokens of padding that stood in front of it where it came from
 * @param padded  its length there, padding on both sides included
 */
public record Example(int[] ids, int[] labels, int padding, int padded) {
    private static final int MASK = Device.IGNORED_LABEL;

    public Example {
        if (ids.length == 0 || labels.length != ids.length || padding < 0 || padded < padding + ids.length) {
            throw new IllegalArgumentException("an example of " + ids.length + " tokens and " + labels.length
                    + " labels, " + padding + " behind the start of " + padded);
        }
    }

    /** A sequence that never was padded. */
    public Example(int[] ids, int[] labels) {
        this(ids, labels, 0, ids.length);
    }

    public int length() {
        return ids.length;
    }

    /** The tokens before the completion; those of a conversation up to the assistant's last turn. */
    public int[] prompt() {
        return Arrays.copyOf(ids, lastRun());
    }

    /** The tokens that are to be predicted; of several runs of them, with others between, the last. */
    public int[] completion() {
        return Arrays.copyOfRange(ids, lastRun(), lastLabel() + 1);
    }

    /** The completion without the token that ends it, if it ends so. */
    public int[] answer(int endOfText) {
        var completion = completion();
        boolean ends = completion.length > 0 && completion[completion.length - 1] == endOfText;
        return ends ? Arrays.copyOf(completion, completion.length - 1) : completion;
    }

    /** Place of the first label that is not masked; the length if all are. */
    int firstLabel() {
        int t = 0;
        while (t < labels.length && labels[t] == MASK) {
            t++;
        }
        return t;
    }

    /** Place of the last label that is not masked; −1 if all are. */
    int lastLabel() {
        int t = labels.length - 1;
        while (t >= 0 && labels[t] == MASK) {
            t--;
        }
        return t;
    }

    /** Where the last labels without a gap begin; the length if all are masked. */
    int lastRun() {
        int t = lastLabel() < 0 ? ids.length : lastLabel();
        while (t > 0 && labels[t - 1] != MASK) {
            t--;
        }
        return t;
    }

    /** The tokens {@code from} to {@code to} − 1 as an example of their own. */
    Example part(int from, int to) {
        return new Example(Arrays.copyOfRange(ids, from, to), Arrays.copyOfRange(labels, from, to));
    }
}
