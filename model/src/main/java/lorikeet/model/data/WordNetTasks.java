package lorikeet.model.data;

import static java.util.stream.Collectors.toSet;

import java.util.List;
import java.util.function.Function;
import java.util.function.Predicate;
import lorikeet.model.data.WordNet.PartOfSpeech;
import lorikeet.model.data.WordNet.Synset;

/**
 * The bundled tasks. Both train on the nine tenths of WordNet and evaluate with the tenth that is held out, less what is
 * defined there in the same words as something in the nine tenths.
 */
public final class WordNetTasks {
    private static final long ORDER_SEED = 26;

    private WordNetTasks() {}

    /** From the definition of a noun to the one of WordNet's 26 topics that it belongs to, such as {@code animal}. */
    public static TextTask topics(WordNet wordNet) {
        var labels =
                wordNet.synsets().stream().filter(WordNetTasks::isNoun).map(WordNetTasks::topic).distinct().sorted()
                        .toList();
        return task("topics", wordNet, WordNetTasks::isNoun, synset -> TextExample.completion(
                "Definition: " + synset.definition() + "\nTopic:", topic(synset)), labels);
    }

    /** From a word to its definition. */
    public static TextTask definitions(WordNet wordNet) {
        return task("definitions", wordNet, synset -> true, synset -> TextExample.completion(
                "Word: " + synset.words().getFirst() + " (" + synset.partOfSpeech() + ")\nMeaning:",
                " " + synset.definition()), List.of());
    }

    private static TextTask task(String name, WordNet wordNet, Predicate<Synset> which,
            Function<Synset, TextExample> example, List<String> labels) {
        var training = wordNet.training().stream().filter(which).toList();
        var known = training.stream().map(Synset::definition).collect(toSet());
        var evaluation = wordNet.heldOut().stream().filter(which)
                .filter(synset -> !known.contains(synset.definition())).toList();
        return new TextTask(name, Shuffle.shuffled(training, ORDER_SEED).stream().map(example).toList(),
                Shuffle.shuffled(evaluation, ORDER_SEED).stream().map(example).toList(), labels);
    }

    private static boolean isNoun(Synset synset) {
        return synset.partOfSpeech() == PartOfSpeech.NOUN;
    }

    /** noun.animal is " animal"; noun.Tops, the few nouns above all others (entity, object, …), is " general". */
    private static String topic(Synset synset) {
        var name = synset.lexicographerFile().substring("noun.".length());
        return " " + (name.equals("Tops") ? "general" : name);
    }
}
