package lorikeet.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import lorikeet.model.data.TextExample;
import lorikeet.model.data.TextTask;
import org.junit.jupiter.api.Test;

class BagOfWordsTest {
    private static final List<String> LABELS = List.of(" animal", " food", " place");
    private static final TextTask TASK = new TextTask("made up", examples(600, 1), examples(300, 2), LABELS);

    /** Five words: two of twenty that belong to the label, three that belong to none. */
    private static List<TextExample> examples(int count, long seed) {
        var random = new Random(seed);
        var examples = new ArrayList<TextExample>();
        for (int i = 0; i < count; i++) {
            int label = Math.max(0, random.nextInt(4) - 1); // the first is twice as frequent
            var words = new StringBuilder("Definition:");
            for (int w = 0; w < 5; w++) {
                words.append(w < 2 ? " Word" + (20 * label + random.nextInt(20)) : " a" + random.nextInt(200));
            }
            examples.add(TextExample.completion(words.toString(), LABELS.get(label)));
        }
        return examples;
    }

    @Test
    void learnsWhichWordsBelongToALabel() {
        assertThat(BagOfWords.train(TASK, 1).accuracy(TASK.evaluation())).isGreaterThan(0.95);
    }

    @Test
    void looksAtWordsWhereverTheyStandAndHoweverTheyAreWritten() {
        var classifier = BagOfWords.train(TASK, 1);
        assertThat(classifier.label(TextExample.completion("word25, WORD31; never seen", ""))).isEqualTo(" food");
        assertThat(classifier.label(TextExample.completion("WORD31 (word25)", ""))).isEqualTo(" food");
    }

    @Test
    void isTheSameForTheSameSeed() {
        var accuracy = BagOfWords.train(TASK.first(60, 0), 1).accuracy(TASK.evaluation());
        assertThat(BagOfWords.train(TASK.first(60, 0), 1).accuracy(TASK.evaluation())).isEqualTo(accuracy);
        assertThat(accuracy).isBetween(0.5, 0.99);
    }

    @Test
    void theMajorityIsTheMostFrequentLabel() {
        assertThat(Baselines.majority(TASK)).isEqualTo(" animal");
    }
}
