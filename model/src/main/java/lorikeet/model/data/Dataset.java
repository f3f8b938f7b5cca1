package lorikeet.model.data;

import java.util.ArrayList;
import java.util.List;
import lorikeet.kernels.Device;

/**
 * Examples that fit a model's sequence length.
 *
 * @param remarks what was changed to make them fit, one line each, with counts; for the user to see
 */
public record Dataset(List<Example> examples, List<String> remarks) {

    public Dataset {
        examples = List.copyOf(examples);
        remarks = List.copyOf(remarks);
    }

    /**
     * Makes examples fit. Text that is to be predicted throughout is cut into several examples, in which each token is
     * predicted once. Of others the start goes, down to one token before the last run of labels; an example of which
     * that run alone is too long is left out, as is one without labels. Tokens after the last label go, too: nothing is
     * learned from them.
     *
     * @param sequenceLength the most tokens of an example, at least 2
     */
    public static Dataset fit(List<Example> examples, int sequenceLength) {
        if (sequenceLength < 2) {
            throw new IllegalArgumentException("a sequence length of " + sequenceLength + " leaves nothing to predict");
        }
        var fitting = new ArrayList<Example>(examples.size());
        int unlabelled = 0;
        int cut = 0;
        int shortened = 0;
        int lostLabels = 0;
        int leftOut = 0;
        for (var whole : examples) {
            int length = whole.lastLabel() + 1;
            if (length < 2) { // the first token of a sequence has nothing to be predicted from
                unlabelled++;
                continue;
            }
            int start = length - sequenceLength;
            if (start <= 0) {
                fitting.add(length == whole.length() ? whole : whole.part(0, length));
            } else if (isText(whole, length)) {
                cut++;
                for (int from = 0; from < length - 1; from += sequenceLength - 1) {
                    fitting.add(window(whole, from, Math.min(from + sequenceLength, length)));
                }
            } else if (whole.lastRun() <= start) {
                leftOut++;
            } else {
                fitting.add(whole.part(start, length));
                shortened++;
                lostLabels += whole.firstLabel() <= start ? 1 : 0;
            }
        }
        var remarks = new ArrayList<String>();
        remark(remarks, cut, "texts were longer than %d tokens and were cut into several examples", sequenceLength);
        remark(remarks, shortened, "examples were longer than %d tokens and lost their start", sequenceLength);
        remark(remarks, lostLabels, "of these lost earlier turns that were to be predicted");
        remark(remarks, leftOut, "examples were left out: their completion alone does not fit into %d tokens",
                sequenceLength);
        remark(remarks, unlabelled, "examples were left out: they have no label to learn");
        return new Dataset(fitting, remarks);
    }

    private static void remark(List<String> remarks, int count, String text, Object... arguments) {
        if (count > 0) {
            remarks.add(count + " " + text.formatted(arguments));
        }
    }

    private static boolean isText(Example example, int length) {
        for (int t = 1; t < length; t++) {
            if (example.labels()[t] == Device.IGNORED_LABEL) {
                return false;
            }
        }
        return true;
    }

    /** The first token of a later window is the last of the one before, where it has been predicted already. */
    private static Example window(Example text, int from, int to) {
        var window = text.part(from, to);
        if (from > 0) {
            window.labels()[0] = Device.IGNORED_LABEL;
        }
        return window;
    }
}
