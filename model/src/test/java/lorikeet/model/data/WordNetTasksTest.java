package lorikeet.model.data;

import static java.util.stream.Collectors.counting;
import static java.util.stream.Collectors.groupingBy;
import static java.util.stream.Collectors.toSet;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import lorikeet.model.text.BpeTrainer;
import lorikeet.model.text.Tokenizer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WordNetTasksTest {
    private static final WordNet WORD_NET = WordNet.load();

    @Test
    void topicsHaveTwentySixLabels() {
        var topics = WordNetTasks.topics(WORD_NET);
        assertThat(topics.labels()).hasSize(26).isSorted()
                .contains(" animal", " artifact", " food", " feeling", " general")
                .allMatch(label -> label.matches(" [a-z]+"));
        assertThat(topics.training()).hasSizeBetween(73_000, 75_000)
                .allMatch(example -> topics.labels().contains(example.completion()));
        assertThat(topics.evaluation()).hasSizeGreaterThan(7_000)
                .allMatch(example -> topics.labels().contains(example.completion()));
        assertThat(topics.training()).anyMatch(example -> example.prompt()
                .equals("Definition: a member of the genus Canis (probably descended from the common wolf) that has been"
                        + " domesticated by man since prehistoric times; occurs in many breeds\nTopic:")
                && example.completion().equals(" animal"));
    }

    @Test
    void nothingIsEvaluatedThatWasTrainedOn() {
        for (var task : new TextTask[] {WordNetTasks.topics(WORD_NET), WordNetTasks.definitions(WORD_NET)}) {
            boolean topics = !task.labels().isEmpty();
            var trained = task.training().stream().map(e -> topics ? e.prompt() : e.completion()).collect(toSet());
            assertThat(task.evaluation()).isNotEmpty()
                    .noneMatch(e -> trained.contains(topics ? e.prompt() : e.completion()));
        }
    }

    @Test
    void theFirstExamplesAreAFairSample() {
        var topics = WordNetTasks.topics(WORD_NET);
        var few = topics.first(2000, 100);
        assertThat(few.training()).isEqualTo(topics.training().subList(0, 2000));
        assertThat(few.evaluation()).hasSize(100);
        assertThat(topics.first(0, 1_000_000).evaluation()).isEqualTo(topics.evaluation());
        var shares = few.training().stream().collect(groupingBy(TextExample::completion, counting()));
        assertThat(shares).hasSizeGreaterThan(22);
        assertThat(Collections.max(shares.values())).isBetween(220L, 340L); // 14 % are artifacts
    }

    @Test
    void definitionsGoFromTheWordToItsMeaning() {
        var definitions = WordNetTasks.definitions(WORD_NET);
        assertThat(definitions.labels()).isEmpty();
        assertThat(definitions.training()).hasSize(WORD_NET.training().size()).contains(TextExample.completion(
                "Word: bowline (noun)\nMeaning:", " a loop knot that neither slips nor jams"));
    }

    @Test
    void becomesTokens(@TempDir Path folder) throws IOException {
        var text = WordNetTasks.topics(WORD_NET).first(300, 200);
        BpeTrainer.train(text.training().stream().map(TextExample::prompt).toList(), 400)
                .write(folder.resolve("tokenizer.json"));
        try (var tokenizer = Tokenizer.open(folder.resolve("tokenizer.json"))) {
            var task = text.encode(tokenizer);
            assertThat(task.training()).hasSize(300);
            assertThat(task.evaluation()).hasSize(200);
            for (int i = 0; i < 200; i++) {
                int label = task.labelOf(task.evaluation().get(i));
                assertThat(text.labels().get(label)).isEqualTo(text.evaluation().get(i).completion());
                assertThat(tokenizer.decode(task.evaluation().get(i).prompt()))
                        .isEqualTo(text.evaluation().get(i).prompt());
            }
            assertThat(task.labelOf(new Example(new int[] {1, 2}, new int[] {-100, 2}))).isEqualTo(-1);
        }
    }
}
