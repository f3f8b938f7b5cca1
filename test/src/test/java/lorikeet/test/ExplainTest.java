package lorikeet.test;

import static lorikeet.test.CommandRun.done;
import static lorikeet.test.CommandRun.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.awt.GraphicsEnvironment;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;
import lorikeet.engine.SafetensorsFile;
import lorikeet.test.reference.Golden;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.SingularOps_DDRM;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The command explain on adapters of every kind, held to what other commands make of them. */
class ExplainTest {
    private static final String BASE = GoldenBase.FOLDER.toString();
    private static final int WIDTH = 48;
    private static final int LAYERS = 3;
    private static final JsonMapper JSON = new JsonMapper();

    @TempDir
    private static Path shared;
    private static String batch;

    @TempDir
    private Path folder;

    @BeforeAll
    static void writeBatch() throws IOException {
        batch = CommandRun.writeGoldenBatch(shared.resolve("batch.jsonl")).toString();
    }

    private static String golden(String name) {
        return Golden.FOLDER.resolve(name).resolve("adapter").toString();
    }

    /** An adapter after three steps. */
    private String trained(String name, String... method) {
        return trained(3, name, method);
    }

    private String trained(int steps, String name, String... method) {
        var out = folder.resolve(name).toString();
        done(Stream.concat(Stream.of("finetune", "--base", BASE, "--data", batch, "--batch-size", "3", "--steps",
                "" + steps, "--lr", "1e-2", "--precision", "strict", "--device", "cpu", "--quiet", "--out", out),
                Stream.of(method)).toArray(String[]::new));
        return out;
    }

    private static JsonNode explained(String adapter, String... more) throws IOException {
        return JSON.readTree(done(Stream.concat(Stream.of("explain", adapter, "--base", BASE, "--json"),
                Stream.of(more)).toArray(String[]::new)).out());
    }

    private static double[] doubles(JsonNode array) {
        var numbers = new ArrayList<Double>();
        array.forEach(number -> numbers.add(number.doubleValue()));
        return numbers.stream().mapToDouble(Double::doubleValue).toArray();
    }

    // ---- changes of weights ------------------------------------------------------------------------------------------

    /** Singular values of what {@code merge} has made of the base, weight by weight, part by part. */
    @ParameterizedTest
    @ValueSource(strings = {"lora_attn", "lora_all_rslora", "lora_dora"})
    void singularValuesAreThoseOfTheMergedWeights(String name) throws IOException {
        var merged = folder.resolve("merged");
        done("merge", "--base", BASE, "--adapter", golden(name), "--out", merged.toString());
        var changes = explained(golden(name)).get("changes");
        assertThat(changes).hasSizeGreaterThanOrEqualTo(3 * LAYERS);
        try (var before = SafetensorsFile.open(Path.of(BASE, "model.safetensors"));
                var after = SafetensorsFile.open(merged.resolve("model.safetensors"))) {
            for (var change : changes) {
                var matrix = change.get("matrix").textValue();
                var expected = SingularOps_DDRM.singularValues(difference(matrix, before, after));
                var actual = doubles(change.get("singular_values"));
                for (int i = 0; i < actual.length; i++) {
                    assertThat(actual[i]).as(matrix).isCloseTo(expected[i], within(1e-5 * expected[0]));
                }
                assertThat(DoubleStream.of(expected).skip(actual.length).map(value -> value / expected[0]))
                        .as(matrix).allMatch(rest -> rest < 1e-5);
                assertThat(change.get("change_norm").doubleValue())
                        .isCloseTo(Math.sqrt(DoubleStream.of(expected).map(value -> value * value).sum()),
                                within(1e-5 * expected[0]));
                assertThat(change.get("weight_in_directions_of_change").doubleValue())
                        .isLessThanOrEqualTo(change.get("weight_in_its_own_directions").doubleValue() * (1 + 1e-9));
            }
        }
    }

    private static DMatrixRMaj difference(String matrix, SafetensorsFile before, SafetensorsFile after) {
        var layer = matrix.replaceFirst("\\.[qkv]$", "");
        var name = "transformer." + layer + ".weight";
        int columns = before.info(name).engineShape().columns();
        int out = layer.equals(matrix) ? columns : WIDTH;
        int from = layer.equals(matrix) ? 0 : WIDTH * "qkv".indexOf(matrix.charAt(matrix.length() - 1));
        var first = before.doubles(name);
        var second = after.doubles(name);
        var difference = new DMatrixRMaj(first.length / columns, out);
        for (int i = 0; i < difference.numRows; i++) {
            for (int o = 0; o < out; o++) {
                int at = i * columns + from + o;
                difference.set(i, o, second[at] - first[at]);
            }
        }
        return difference;
    }

    @Test
    void partsOfAFusedLayerAreExplainedAlone() throws IOException {
        var changes = explained(trained("qv", "--rank", "2", "--targets", "c_attn.q,c_attn.v")).get("changes");
        assertThat(changes).hasSize(2 * LAYERS)
                .allMatch(change -> change.get("matrix").textValue().matches("h\\.\\d\\.attn\\.c_attn\\.[qv]"))
                .allMatch(change -> change.get("singular_values").size() == 2);
    }

    /** Ranks beyond what a matrix can have, and the token embedding, tied to the output layer. */
    @Test
    void anyRankAndTheTokenEmbeddingAreExplained() throws IOException {
        var changes = explained(trained("wte", "--rank", "60", "--targets", "wte,c_attn.k")).get("changes");
        assertThat(changes).hasSize(1 + LAYERS);
        assertThat(changes.get(0).get("matrix").textValue()).isEqualTo("wte");
        assertThat(changes).allMatch(change -> change.get("singular_values").size() <= WIDTH);
    }

    @Test
    void asManyDirectionsAreHeldAgainstTheWeightAsWereAskedFor() throws IOException {
        var one = explained(golden("lora_attn"), "--directions", "1").get("changes").get(0);
        assertThat(one.get("directions").intValue()).isOne();
        double first = one.get("singular_values").get(0).doubleValue();
        assertThat(one.get("amplification").doubleValue())
                .isCloseTo(first / one.get("weight_in_directions_of_change").doubleValue(), within(1e-9));
        assertThat(explained(golden("lora_attn")).get("changes").get(0).get("directions").intValue()).isEqualTo(4);
    }

    @Test
    void meansOverTheBlocksAreSaidForEachKind() throws IOException {
        var json = explained(golden("lora_attn"));
        var kinds = json.get("changes_by_kind");
        assertThat(kinds).extracting(row -> row.get("matrix").textValue())
                .containsExactly("attn.c_attn.q", "attn.c_attn.k", "attn.c_attn.v");
        double sum = 0;
        for (int layer = 0; layer < LAYERS; layer++) {
            sum += json.get("changes").get(3 * layer + 1).get("amplification").doubleValue();
        }
        assertThat(kinds.get(1).get("amplification").doubleValue()).isCloseTo(sum / LAYERS, within(1e-9));
    }

    /** In a folder that explain has written, unless this system has no fonts, which no picture can do without. */
    private static void requirePictures(Path folder, String... names) throws IOException {
        try {
            GraphicsEnvironment.getLocalGraphicsEnvironment().getAvailableFontFamilyNames();
        } catch (LinkageError | InternalError e) {
            return;
        }
        try (var files = Files.list(folder)) {
            assertThat(files.map(file -> file.getFileName().toString()).filter(name -> name.endsWith(".png")))
                    .containsExactlyInAnyOrder(Stream.of(names).map(name -> name + ".png").toArray(String[]::new));
        }
    }

    // ---- two adapters ------------------------------------------------------------------------------------------------

    @Test
    void anAdapterSharesAllDirectionsWithItself() throws IOException {
        var overlap = explained(golden("lora_attn"), "--against", golden("lora_attn")).get("overlap");
        assertThat(overlap).hasSize(3 * LAYERS);
        for (var row : overlap) {
            for (var key : List.of("change_first", "change_all", "a_first", "a_all")) {
                assertThat(row.get(key).doubleValue()).as(key).isCloseTo(1, within(1e-9));
            }
            assertThat(row.get("change_phi")).hasSize(4);
        }
    }

    @Test
    void twoRanksShareSomeDirectionsOfTheMatricesThatBothChange() throws IOException {
        var small = trained("small", "--rank", "2", "--targets", "c_attn", "--seed", "1");
        var large = trained("large", "--rank", "40", "--targets", "c_attn,c_fc", "--seed", "2");
        var out = folder.resolve("explained");
        var overlap = explained(small, "--against", large, "--out", out.toString()).get("overlap");
        requirePictures(out, "overlap", "overlap-a", "spectrum", "moved", "amplification");
        assertThat(overlap).hasSize(3 * LAYERS);
        for (var row : overlap) {
            assertThat(row.get("a_phi")).hasSize(2).allMatch(phi -> phi.size() == 8);
            assertThat(row.get("a_random").doubleValue()).isCloseTo(40.0 / WIDTH, within(1e-9));
            assertThat(row.get("change_all").doubleValue()).isBetween(0.0, 1.0);
        }
        assertThat(explained(small, "--against", trained("whole", "--method", "full")).get("overlap"))
                .hasSize(3 * LAYERS).allMatch(row -> row.get("a_first").isNull());
    }

    @Test
    void whatCannotBeComparedIsSaidInOneLine() {
        for (var other : List.of(golden("prompt"), golden("prefix"))) {
            var result = run("explain", golden("lora_attn"), "--base", BASE, "--against", other);
            assertThat(result.exit()).isEqualTo(1);
            assertThat(result.err()).startsWith("lorikeet: ").contains("no matrix").hasLineCount(1);
        }
    }

    // ---- the other methods -------------------------------------------------------------------------------------------

    @ParameterizedTest
    @CsvSource({"full,changes,movements,spectrum moved amplification movements",
        "last-layers,changes,movements,spectrum moved amplification movements", "bitfit,movements,,movements",
        "layer-norms,movements,,movements", "series,adapters,,adapters", "parallel,adapters,,adapters",
        "lora,changes,,spectrum moved amplification", "dora,changes,movements,spectrum moved amplification movements",
        "ia3,changes,movements,spectrum moved amplification movements", "prompt,soft_prompt,,prompt",
        "p-tuning,soft_prompt,,prompt", "prefix,prefix,,prefix"})
    void everyMethodIsExplainedInTextPicturesAndJson(String method, String first, String second, String pictures)
            throws IOException {
        var out = folder.resolve("explained");
        var result = done("explain", trained(method, "--method", method), "--base", BASE, "--out", out.toString());
        var json = JSON.readTree(out.resolve("explain.json").toFile());
        assertThat(json.fieldNames()).toIterable().startsWith("adapter", "method", "base")
                .filteredOn(name -> !name.endsWith("_by_kind")).hasSize(second == null ? 4 : 5).contains(first)
                .endsWith(second == null ? first : second);
        assertThat(out.resolve("explain.txt")).hasContent(result.out());
        assertThat(result.out()).startsWith("adapter   ").contains(", " + method + " on ").doesNotContain("NaN", "∞",
                "Infinity", "null");
        json.get(first).forEach(row -> row.forEach(cell -> assertThat(cell.asText()).isNotIn("NaN", "Infinity")));
        requirePictures(out, pictures.split(" "));
        assertThat(run("explain", folder.resolve(method).toString(), "--base", BASE, "--out", out.toString()).err())
                .contains("not empty", "--force");
    }

    @Test
    void movedTensorsAreThoseThatTheMethodTrains() throws IOException {
        var rows = explained(trained("biases", "--method", "bitfit")).get("movements");
        assertThat(rows).hasSize(6 * LAYERS + 1).allMatch(row -> row.get("tensor").textValue().endsWith(".bias"))
                .allMatch(row -> row.get("moved_norm").doubleValue() > 0)
                // three steps of AdamW move no number by much more than three learning rates
                .allMatch(row -> row.get("largest").doubleValue() < 3.1e-2);
        assertThat(explained(trained("both", "--rank", "2", "--targets", "c_attn", "--bias", "lora_only"))
                .get("movements"))
                .hasSize(LAYERS).allMatch(row -> row.get("tensor").textValue().endsWith("c_attn.bias"));
    }

    @Test
    void aSoftPromptMadeOfTokensIsNearestToThem() throws IOException {
        var rows = explained(trained(0, "tokens", "--method", "prompt", "--virtual-tokens", "4", "--init",
                "vocabulary"), "--nearest", "2").get("soft_prompt");
        assertThat(rows).hasSize(4).allMatch(row -> row.get("nearest").size() == 2)
                .allMatch(row -> Math.abs(row.get("nearest").get(0).get("cosine").doubleValue() - 1) < 1e-4)
                .allMatch(row -> row.get("nearest").get(1).get("cosine").doubleValue() < 0.99);
    }

    // ---- usage -------------------------------------------------------------------------------------------------------

    @Test
    void anUntrainedAdapterHasLearnedNothing() {
        var fresh = trained(0, "fresh");
        var result = run("explain", fresh, "--base", BASE);
        assertThat(result.exit()).isEqualTo(1);
        assertThat(result.err()).startsWith("lorikeet: " + fresh).contains("nothing").hasLineCount(1);
    }

    /** Before anything is computed, so also where that would fail. */
    @Test
    void outIsRefusedFirst() throws IOException {
        Files.writeString(folder.resolve("mine"), "mine");
        assertThat(run("explain", "nowhere", "--base", BASE, "--out", folder.toString()).complaint())
                .startsWith("lorikeet: " + folder + ": is not empty");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "x --directions 0", "x --nearest 0", "x --force", "x --method lora"})
    void wrongUsageExitsWith2(String arguments) {
        var result = run(("explain " + arguments).strip().split(" "));
        assertThat(result.exit()).isEqualTo(2);
        assertThat(result.out()).isEmpty();
        assertThat(result.err()).isNotBlank().doesNotContain("\tat ");
    }
}
