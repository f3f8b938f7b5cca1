package lorikeet.peft;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import lorikeet.engine.Printable;
import lorikeet.engine.WholeFile;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An {@code adapter_config.json}: reading its fields with their defaults, and writing it as Hugging Face PEFT does, sorted
 * and indented by two.
 */
final class AdapterConfig {
    private static final Logger LOG = LoggerFactory.getLogger(AdapterConfig.class);
    static final int MAX_BYTES = 1 << 20;
    private static final ObjectMapper JSON = new ObjectMapper().enable(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS);
    private static final DefaultPrettyPrinter PRINTER = new DefaultPrettyPrinter(
            Separators.createDefaultInstance().withObjectFieldValueSpacing(Separators.Spacing.AFTER)
                    .withArrayEmptySeparator("").withObjectEmptySeparator(""))
            .withObjectIndenter(new DefaultIndenter("  ", "\n")).withArrayIndenter(new DefaultIndenter("  ", "\n"));
    /** Fields that say nothing about what is computed. */
    private static final Set<String> DESCRIPTIVE =
            Set.of("peft_type", "task_type", "base_model_name_or_path", "revision",
                    "inference_mode", "auto_mapping", "peft_version", "megatron_core", "megatron_config");

    private final Path file;
    private final JsonNode json;
    private final Set<String> read = new HashSet<>(DESCRIPTIVE);

    private AdapterConfig(Path file, JsonNode json) {
        this.file = file;
        this.json = json;
    }

    static AdapterConfig read(Path file) throws IOException {
        try {
            var json = JSON.readTree(WholeFile.read(file, MAX_BYTES));
            if (!json.isObject()) {
                throw new IOException(file + ": expected a JSON object");
            }
            return new AdapterConfig(file, json);
        } catch (NoSuchFileException _) {
            throw new IOException(file + ": no such file; an adapter folder has one");
        } catch (JsonProcessingException e) {
            throw new IOException(file + ": not valid JSON: " + e.getOriginalMessage());
        }
    }

    /** The file's text for fields with these values: texts, numbers, truth values, lists, maps or null. */
    static String write(Map<String, Object> fields) {
        try {
            return JSON.writer(PRINTER).writeValueAsString(new TreeMap<>(fields));
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    String text(String field, String otherwise) throws IOException {
        var value = value(field);
        if (value == null) {
            return otherwise;
        }
        if (!value.isTextual()) {
            throw problem(field, "expected a text");
        }
        return value.textValue();
    }

    int count(String field, int otherwise) throws IOException {
        var value = value(field);
        if (value == null) {
            return otherwise;
        }
        if (!value.isInt() || value.intValue() < 1) {
            throw problem(field, "expected a whole number of at least 1");
        }
        return value.intValue();
    }

    float number(String field, double otherwise) throws IOException {
        var value = value(field);
        if (value == null) {
            return (float) otherwise;
        }
        if (!value.isNumber() || !Double.isFinite(value.doubleValue())) {
            throw problem(field, "expected a number");
        }
        return (float) value.doubleValue();
    }

    boolean flag(String field) throws IOException {
        return flag(field, false);
    }

    boolean flag(String field, boolean otherwise) throws IOException {
        var value = value(field);
        if (value == null) {
            return otherwise;
        }
        if (!value.isBoolean()) {
            throw problem(field, "expected true or false");
        }
        return value.booleanValue();
    }

    /** A text, as a list of one, or a list of texts; empty if absent. */
    List<String> texts(String field) throws IOException {
        var texts = new ArrayList<String>();
        for (var element : elements(field)) {
            if (!element.isTextual()) {
                throw problem(field, "expected texts");
            }
            texts.add(element.textValue());
        }
        return texts;
    }

    /** Whether the field is there and not null. */
    boolean says(String field) {
        return json.hasNonNull(field);
    }

    /** Whether the field is a single text rather than a list. */
    boolean isText(String field) {
        return json.path(field).isTextual();
    }

    /** A number, as a set of one, or a list of numbers; empty if absent. */
    Set<Integer> counts(String field) throws IOException {
        var counts = new HashSet<Integer>();
        for (var element : elements(field)) {
            if (!element.isInt() || element.intValue() < 0) {
                throw problem(field, "expected whole numbers of at least 0");
            }
            counts.add(element.intValue());
        }
        return counts;
    }

    /** Ranks by name; empty if absent. */
    Map<String, Integer> ranks(String field) throws IOException {
        var ranks = new LinkedHashMap<String, Integer>();
        for (var entry : numbers(field).entrySet()) {
            int rank = Math.round(entry.getValue());
            if (rank != entry.getValue() || rank < 1) {
                throw problem(field, "expected whole numbers of at least 1");
            }
            ranks.put(entry.getKey(), rank);
        }
        return ranks;
    }

    /** Numbers by name; empty if absent. */
    Map<String, Float> numbers(String field) throws IOException {
        var value = value(field);
        var numbers = new LinkedHashMap<String, Float>();
        if (value == null) {
            return numbers;
        }
        if (!value.isObject()) {
            throw problem(field, "expected numbers by name");
        }
        for (var entry : value.properties()) {
            if (!entry.getValue().isNumber()) {
                throw problem(field, "expected numbers by name");
            }
            numbers.put(entry.getKey(), entry.getValue().floatValue());
        }
        return numbers;
    }

    private List<JsonNode> elements(String field) {
        var value = value(field);
        if (value == null) {
            return List.of();
        }
        if (!value.isArray()) {
            return List.of(value);
        }
        var elements = new ArrayList<JsonNode>();
        value.forEach(elements::add);
        return elements;
    }

    /** Whether there is such a field. */
    boolean has(String field) {
        return json.has(field);
    }

    /** The fields inside a field. */
    AdapterConfig section(String field) throws IOException {
        var value = value(field);
        if (value == null || !value.isObject()) {
            throw problem(field, "expected an object");
        }
        return new AdapterConfig(file, value);
    }

    /** Takes note of fields that make no difference here. */
    void ignore(String... fields) {
        read.addAll(List.of(fields));
    }

    /** Accepts a field only where it asks for nothing: absent, null, false, empty, or {@code harmless}. */
    void requireUnused(String field, String harmless) throws IOException {
        var value = value(field);
        if (value != null && !(value.isBoolean() && !value.booleanValue())
                && !(value.isContainerNode() && value.isEmpty())
                && !value.asText().equals(harmless)) {
            throw problem(field, "Lorikeet does not know this variant");
        }
    }

    /** Says which fields nobody has asked for: they may come from a newer release. */
    void warnOfUnknown() {
        json.fieldNames().forEachRemaining(field -> {
            if (!read.contains(field)) {
                LOG.warn("{}: field \"{}\" is unknown here and ignored", file, Printable.line(field));
            }
        });
    }

    /** The value, or null where it is absent or null. */
    private JsonNode value(String field) {
        read.add(field);
        var value = json.get(field);
        return value == null || value.isNull() ? null : value;
    }

    IOException problem(String field, String expectation) {
        return new IOException(file + ": field \"" + field + "\" is " + json.path(field) + ": " + expectation);
    }
}
