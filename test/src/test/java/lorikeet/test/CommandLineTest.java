package lorikeet.test;

import static lorikeet.test.CommandRun.done;
import static lorikeet.test.CommandRun.run;
import static lorikeet.test.CommandRun.with;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import lorikeet.engine.SafetensorsFile;
import lorikeet.kernels.Devices;
import lorikeet.kernels.Precision;
import lorikeet.kernels.cuda.PtxCompiler;
import lorikeet.peft.AdapterFolder;
import lorikeet.peft.cli.Lorikeet;
import lorikeet.test.reference.Golden;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Whole commands: exit codes, what they print where, and the files that they leave. Two run as processes of their own. */
class CommandLineTest {
    private static final String BASE = GoldenBase.FOLDER.toString();
    private static final String LORA = Golden.FOLDER.resolve("lora_attn/adapter").toString();
    private static final JsonMapper JSON = new JsonMapper();

    /** Shared by all tests: the golden batch as lines, and a base that has a tokenizer. */
    @TempDir
    private static Path shared;
    private static String batch;
    private static Path talker;

    @TempDir
    private Path folder;

    @BeforeAll
    static void writeBatchAndPretrain() throws IOException {
        batch = CommandRun.writeGoldenBatch(shared.resolve("batch.jsonl")).toString();

        var texts = IntStream.range(0, 40).mapToObj(i -> "The parrot said " + "lori ".repeat(i % 5 + 1) + i).toList();
        var text = Files.write(shared.resolve("text.txt"), texts);
        talker = shared.resolve("talker");
        var result = done("pretrain", "--text", text.toString(), "--vocabulary", "280", "--context", "48", "--width",
                "16", "--layers", "1", "--heads", "2", "--steps", "4", "--warmup", "1", "--batch-tokens", "100",
                "--out", talker.toString());
        assertThat(result.out()).contains("loss", "perplexity", "on 4 held-out examples").endsWith(talker + "\n");
    }

    // ---- usage -------------------------------------------------------------------------------------------------------

    @ParameterizedTest
    @ValueSource(
            strings = {"finetune", "eval", "generate", "compare", "plan", "pretrain", "merge", "inspect", "explain",
                "logits", "kernels", "shell", "completion", "check"})
    void helpHasAnExample(String command) {
        var result = done(command, "--help");
        assertThat(result.out()).contains("Usage: lorikeet " + command, "Example", "  lorikeet " + command + " ",
                "--verbose");
        assertThat(result.err()).isEmpty();
        assertThat(result.out().lines()).noneMatch(line -> line.contains("${"));
        assertThat(done("help", command).out()).isEqualTo(result.out());
    }

    @Test
    void helpAndVersionOfTheWhole() {
        assertThat(done("--help").out()).contains("finetune", "eval", "generate", "compare", "plan", "pretrain",
                "merge", "inspect", "explain", "logits", "devices", "kernels", "shell", "completion", "check",
                "Exit codes:", "Examples:");
        var version = done("--version").out().lines().toList();
        assertThat(version.getFirst()).matches("Lorikeet \\d+\\.\\d+\\.\\d+");
        assertThat(version.get(1)).startsWith("Java 25");
        assertThat(version).anyMatch(line -> line.startsWith("cpu: CPU, "));
        assertThat(version.getLast()).contains("oneDNN ", "JCuda ", "tokenizers ").doesNotContain("${");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "fintune", "finetune --lora", "finetune --steps many", "finetune --precision exact",
        "finetune --method magic", "finetune --method bitfit --rank 4", "finetune --method full --targets c_attn",
        "finetune --rank 0", "finetune --alpha NaN", "finetune --alpha-pattern c_fc=NaN", "finetune --layers x",
        "finetune --base %s --data %s --layers 5-1", "finetune --base %s --data %s --layers ,",
        "finetune --base %s --data %s --lr -1",
        "finetune --base %s --data %s --eval-every -1", "finetune --base %s --data %s --save-every -1",
        "finetune --base %s --data %s --grad-clip NaN", "finetune --base %s --data %s --base-dropout 1",
        "eval --base %s --data %s --base-dropout 0.1", "compare --base %s --data %s,topics",
        "generate --max-tokens -1 Hello",
        "finetune --targets re:(", "finetune --scaling big",
        "finetune --base %s --data %s --batch-size 0", "finetune --base %s --data %s --seq-len 65",
        "finetune --base %s --threads -1", "finetune --base %s --device abacus", "finetune --schedule steps",
        "eval --eval-limit -1 --base %s --data %s", "eval --train-limit 5 --base %s --data %s", "merge",
        "merge --out x", "merge --adapter x --out y --dtype i32",
        "merge --adapter x --out y --keep-adapter --dtype bf16", "merge --adapter x --out y --combine svd",
        "merge --base %s --adapter x=much --out y", "merge --base %s --adapter x=NaN --out y",
        "pretrain --out x --dtype i32", "pretrain --out x --heads 3", "pretrain --out x --layers 0",
        "generate", "generate --top-p 2 Hello", "generate --temperature -1 Hello", "inspect", "logits",
        "logits --out x", "logits --ids 1,2 --batch x --out y", "pretrain --steps 3",
        "plan --fit lots", "plan --precision int8", "plan --batch-size 0", "plan --seq-len 1", "plan --seq-len 300",
        "plan --method full --rank 4", "plan --model llama-7b --method bitfit", "plan --model gpt2 --targets q_proj",
        "plan --paper --model gpt2", "plan --init magic", "kernels --kernel magic"})
    void wrongUsageExitsWith2(String command) {
        var arguments = command.formatted(BASE, batch).split(" ");
        var result = run(command.isEmpty() ? new String[0] : arguments);
        assertThat(result.exit()).isEqualTo(2);
        assertThat(result.out()).isEmpty();
        assertThat(result.err()).isNotBlank().doesNotContain("Exception", "\tat ");
    }

    @ParameterizedTest
    @ValueSource(strings = {"finetune --base %s --data %s --method prompt --virtual-tokens 63",
        "plan --model %s --method prefix --virtual-tokens 63"})
    void virtualTokensLeaveRoomForOthers(String command) {
        var result = run(command.formatted(BASE, batch).split(" "));
        assertThat(result.exit()).isEqualTo(2);
        assertThat(result.err()).endsWith("lorikeet: 63 virtual tokens leave no room " + (command.startsWith("plan")
                ? ""
                : "for examples ") + "in the model's context of 64\n");
    }

    @Test
    void anAdapterBringsItsOwnMethodAndOptions() {
        for (var option : List.of("--method", "--rank", "--targets")) {
            var result = run("finetune", "--base", BASE, "--data", batch, "--adapter", LORA, option,
                    option.equals("--method") ? "lora" : "4");
            assertThat(result.exit()).isEqualTo(2);
            assertThat(result.err()).startsWith("--adapter brings its own method").contains(option);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"finetune --base nowhere", "finetune --base %1$s --data nowhere.jsonl",
        "finetune --base %1$s --data topics", "finetune --base %1$s --data %2$s --targets q_proj --out %3$s",
        "eval --base %1$s --data %2$s --adapter nowhere", "eval --base %1$s --data %2$s --adapter %1$s",
        "generate --base %1$s Hello", "merge --base %1$s --adapter nowhere --out %3$s/new", "inspect nowhere",
        "logits --base %1$s --ids 1,999 --out %3$s/x", "logits --base %1$s --batch nowhere --out %3$s/x",
        "pretrain --text nowhere --out %3$s/new"})
    void failuresExitWith1AndSayWhyInOneLine(String command) {
        var result = run(command.formatted(BASE, batch, folder).split(" "));
        assertThat(result.exit()).isEqualTo(1);
        assertThat(result.out()).isEmpty();
        var complaint = result.err().lines().filter(line -> line.startsWith("lorikeet: ")).toList();
        assertThat(complaint).hasSize(1);
        assertThat(result.err()).endsWith(complaint.getFirst() + System.lineSeparator())
                .doesNotContain("Exception", "\tat ");
        assertThat(complaint.getFirst().length()).isGreaterThan("lorikeet: nowhere: ".length());
        assertThat(folder).isEmptyDirectory();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {"--rank-pattern c_fcc=2 | --rank-pattern: c_fcc matches none of the targets",
        "--targets c_attn --alpha-pattern c_fc=2 | --alpha-pattern: c_fc matches none of the targets",
        "--method dora --rank-pattern c_attn=2,h(=3 | --rank-pattern: Unclosed group in pattern h("})
    void patternsThatMeanNothingAreNamed(String options, String complaint) {
        var result = finetune(folder.resolve("out"), options.split(" "));
        assertThat(result.exit()).isEqualTo(2);
        assertThat(result.err()).startsWith(complaint);
    }

    /** Nothing that takes time comes before, and nothing is left behind. */
    @Test
    void pretrainOpensItsDeviceAndReadsItsTextFirst() throws IOException {
        var out = folder.resolve("out");
        var pretrain = new String[] {"pretrain", "--out", out.toString(), "--text"};
        var text = folder.resolve("text.txt");
        Files.write(text, IntStream.range(0, 40).mapToObj(i -> "Line " + i).toList());
        assertThat(run(with(pretrain, text.toString(), "--device", "abacus")).err()).contains("--device: ");
        Files.write(text, new byte[] {'a', (byte) 0xFF, '\n'});
        assertThat(run(with(pretrain, text.toString())).complaint()).isEqualTo("lorikeet: " + text
                + ": not UTF-8 text");
        assertThat(out).doesNotExist();
    }

    /** One long example makes the rows of all others as long. */
    @Test
    void moreLogitsThanAnArrayHoldsAreRefused() throws IOException {
        var lines = new ArrayList<>(Collections.nCopies(200, "{\"input_ids\":[1],\"labels\":[1]}"));
        var zeros = ",0".repeat(63_999);
        lines.add("{\"input_ids\":[1%1$s],\"labels\":[1%2$s],\"attention_mask\":[1%1$s]}".formatted(zeros,
                zeros.replace("0", "-100")));
        var file = Files.write(folder.resolve("long.jsonl"), lines);
        assertThat(run("logits", "--base", BASE, "--batch", file.toString(), "--out", folder + "/x").complaint())
                .isEqualTo("lorikeet: " + file + ": expected at most 2,147,483,639 logits, not 201 examples × 64,000 "
                        + "tokens × 257");
    }

    @Test
    void examplesWithoutLabelsTeachNothing() throws IOException {
        var data = Files.writeString(folder.resolve("short.jsonl"), "{\"input_ids\":[5],\"labels\":[5]}");
        var result = run("finetune", "--base", BASE, "--data", data.toString(), "--out", folder + "/out", "--device",
                "cpu", "--quiet");
        assertThat(result.complaint()).isEqualTo("lorikeet: short.jsonl: no example is left to train on");
    }

    @Test
    void verboseShowsWhereAnErrorCameFrom() {
        assertThat(run("inspect", "nowhere", "--verbose").err()).contains("nowhere", "\tat lorikeet.peft.cli.Inspect");
    }

    // ---- finetune and what follows -----------------------------------------------------------------------------------

    private static List<JsonNode> metrics(Path run) throws IOException {
        var lines = new ArrayList<JsonNode>();
        for (var line : Files.readAllLines(run.resolve("metrics.jsonl"))) {
            lines.add(JSON.readTree(line));
        }
        return lines;
    }

    private CommandRun finetune(Path out, String... more) {
        var arguments = Stream.concat(Stream.of("finetune", "--base", BASE, "--data", batch, "--eval-data", batch,
                "--no-shuffle", "--batch-size", "3", "--lr", "1e-3", "--schedule", "constant", "--warmup", "0",
                "--decay", "all", "--grad-clip", "0", "--precision", "strict", "--device", "cpu", "--out",
                out.toString(), "--quiet"),
                Stream.of(more)).toArray(String[]::new);
        return run(arguments);
    }

    @Test
    void finetuneWritesMetricsAndAnAdapterFromWhichItGoesOn() throws IOException {
        var first = folder.resolve("first");
        var result = finetune(first, "--rank", "4", "--alpha", "8", "--targets", "c_attn", "--steps", "3");
        assertThat(result.exit()).as(result.err()).isZero();
        assertThat(result.err()).isEmpty();
        assertThat(result.out().lines()).hasSize(2);
        assertThat(result.out()).containsPattern("^loss +\\d\\.\\d+ → \\d\\.\\d+\n").endsWith(first + "\n");

        var lines = metrics(first);
        assertThat(lines.stream().map(line -> line.get("step").intValue())).containsExactly(0, 1, 2, 3, 3);
        for (var line : lines.subList(1, 4)) {
            assertThat(line.fieldNames()).toIterable().containsExactly("step", "loss", "lr", "grad_norm", "tokens",
                    "seconds", "tokens_per_second", "device_bytes_peak");
            assertThat(line.get("lr").floatValue()).isEqualTo(1e-3f);
            assertThat(line.get("tokens").intValue()).isEqualTo(GoldenBase.batch().sequences().tokens());
            assertThat(line.get("grad_norm").doubleValue()).isPositive();
            assertThat(line.get("seconds").doubleValue()).isPositive();
            assertThat(line.get("tokens_per_second").doubleValue()).isPositive();
            assertThat(line.get("device_bytes_peak").longValue()).isGreaterThan(400_000);
        }
        assertThat(lines.getLast().fieldNames()).toIterable().containsExactly("step", "eval_loss", "eval_accuracy");
        double before = lines.getFirst().get("eval_loss").doubleValue();
        double after = lines.getLast().get("eval_loss").doubleValue();
        assertThat(lines.get(1).get("loss").doubleValue()).isCloseTo(before, within(1e-5));
        assertThat(after).isLessThan(before);

        var second = folder.resolve("second");
        assertThat(finetune(second, "--adapter", first.toString(), "--steps", "2").exit()).isZero();
        assertThat(metrics(second).get(1).get("loss").doubleValue()).isCloseTo(after, within(1e-5));

        assertThat(done("eval", "--base", BASE, "--adapter", first.toString(), "--data", batch, "--precision",
                "strict", "--quiet").out())
                .isEqualTo("loss %.4f (perplexity %.2f) on 3 held-out examples\n".formatted(after,
                        Math.exp(after)));
    }

    @Test
    void anEarlierResultIsNotOverwritten() throws IOException {
        var steps = new String[] {"--rank", "1", "--targets", "c_attn", "--steps", "1"};
        assertThat(finetune(folder, steps).exit()).isZero();
        var weights = folder.resolve("adapter_model.safetensors");
        var written = Files.readAllBytes(weights);
        var again = finetune(folder, "--rank", "2", "--targets", "c_attn", "--steps", "1");
        assertThat(again.exit()).isEqualTo(1);
        assertThat(again.err()).contains(folder.toString(), "not empty", "--force").hasLineCount(1);
        assertThat(weights).hasBinaryContent(written);
        var resumed = finetune(folder, "--rank", "2", "--targets", "c_attn", "--steps", "1", "--resume");
        assertThat(resumed.err()).contains(folder.toString(), "no checkpoint to go on from").hasLineCount(1);
        assertThat(weights).hasBinaryContent(written);
        assertThat(finetune(folder, "--rank", "2", "--targets", "c_attn", "--steps", "1", "--force").exit()).isZero();
        assertThat(Files.size(weights)).isGreaterThan(written.length);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "/../%s/."})
    void anAdapterIsNotTrainedOverItself(String same) throws IOException {
        var adapter = folder.resolve("adapter");
        assertThat(finetune(adapter, "--rank", "1", "--steps", "0").exit()).isZero();
        var refused = finetune(Path.of(adapter + same.formatted("adapter")), "--adapter", adapter.toString(), "--steps",
                "1", "--force");
        assertThat(refused.exit()).isEqualTo(2);
        assertThat(refused.err()).contains("--out: expected another folder than --adapter");
    }

    @Test
    void aPromptFromATextGoesOn() {
        var prompt = folder.resolve("prompt").toString();
        var finetune = new String[] {"finetune", "--base", talker.toString(), "--data", batch, "--steps", "1",
            "--quiet", "--out"};
        done(with(finetune, prompt, "--method", "prompt", "--init", "text:parrot", "--virtual-tokens", "3"));
        done(with(finetune, folder.resolve("more").toString(), "--adapter", prompt));
    }

    /** One that came from a newer release. */
    @Test
    void anUnknownFieldIsWarnedOfOnce() throws IOException {
        var adapter = Files.createDirectory(folder.resolve("adapter"));
        for (var name : List.of("adapter_config.json", "adapter_model.safetensors")) {
            Files.copy(Path.of(LORA, name), adapter.resolve(name));
        }
        var config = adapter.resolve("adapter_config.json");
        Files.writeString(config, Files.readString(config).replaceFirst("\\{", "{\"from_the_future\": 1,"));
        for (var command : List.of("eval --base %s --data %s --adapter %s --quiet", "explain --base %1$s %3$s")) {
            assertThat(done(command.formatted(BASE, batch, adapter).split(" ")).err().lines()
                    .filter(line -> line.contains("from_the_future"))).hasSize(1);
        }
    }

    @Test
    void anotherMethodsFilesAreReplaced() throws IOException {
        for (var method : List.of("lora", "series", "p-tuning", "prompt", "bitfit")) {
            assertThat(finetune(folder, "--method", method, "--steps", "0", "--force").exit()).isZero();
            var weights = switch (method) {
                case "series" -> List.of("adapter.safetensors");
                case "p-tuning" -> List.of("adapter_model.safetensors", "reparametrisation.safetensors");
                default -> List.of("adapter_model.safetensors");
            };
            try (var files = Files.list(folder)) {
                assertThat(files.map(file -> file.getFileName().toString())
                        .filter(name -> name.endsWith(".safetensors"))).as(method)
                        .containsExactlyInAnyOrderElementsOf(weights);
            }
        }
    }

    @Test
    void noStepsWriteTheAdapterAsItStarts() throws IOException {
        assertThat(finetune(folder, "--adapter", LORA, "--steps", "0").exit()).isZero();
        assertThat(folder.resolve("adapter_model.safetensors"))
                .hasSameBinaryContentAs(Path.of(LORA, "adapter_model.safetensors"));
        assertThat(metrics(folder)).allMatch(line -> line.has("eval_loss"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"full", "bitfit", "last-layers"})
    void theOtherMethodsRunFromTheCommandLineToo(String method) throws IOException {
        assertThat(finetune(folder, "--method", method, "--steps", "2", "--recompute", "--accumulate", "2").exit())
                .isZero();
        var lines = metrics(folder);
        assertThat(lines.getLast().get("eval_loss").doubleValue())
                .isLessThan(lines.getFirst().get("eval_loss").doubleValue());
        assertThat(done("eval", "--base", BASE, "--adapter", folder.toString(), "--data", batch, "--precision",
                "strict").out()).startsWith("loss %.4f ".formatted(lines.getLast().get("eval_loss").doubleValue()));
        assertThat(done("merge", "--base", BASE, "--adapter", folder.toString(), "--out", folder + "/merged").exit())
                .isZero();
    }

    private float[] logits(String... arguments) throws IOException {
        var file = folder.resolve("logits.safetensors");
        var result = done(Stream.concat(Stream.of("logits", "--precision", "strict", "--out", file.toString()),
                Stream.of(arguments)).toArray(String[]::new));
        assertThat(result.out()).startsWith("loss ").hasLineCount(1);
        try (var tensors = SafetensorsFile.open(file)) {
            assertThat(tensors.tensors()).hasSize(1);
            return tensors.floats("logits");
        }
    }

    @Test
    void logitsKeepThePaddedShapeAndMergingKeepsTheLogits() throws IOException {
        var beside = logits("--base", BASE, "--adapter", LORA, "--batch", batch);
        var expected = new Golden("lora_attn").logits();
        assertThat(beside).hasSize(expected.length);
        var mask = Arrays.stream(Golden.batch().mask()).flatMapToInt(Arrays::stream).toArray();
        for (int i = 0; i < expected.length; i++) {
            assertThat(beside[i]).isCloseTo(mask[i / 257] == 0 ? 0 : (float) expected[i], within(2e-5f));
        }

        var merged = folder.resolve("merged");
        assertThat(done("merge", "--base", BASE, "--adapter", LORA, "--out", merged.toString()).out())
                .isEqualTo(merged + "\n");
        var plain = logits("--base", merged.toString(), "--batch", batch);
        for (int i = 0; i < expected.length; i++) {
            assertThat(plain[i]).isCloseTo(beside[i], within(2e-5f));
        }
        assertThat(logits("--base", BASE, "--ids", "1,2,3")).hasSize(3 * 257);
    }

    @Test
    void inspectSaysWhatFoldersAndFilesHold() {
        assertThat(done("inspect", BASE).out()).contains("100,320 parameters in 3 layers of width 48", "(tied)",
                "transformer.h.2.mlp.c_proj.weight",
                "[192, 48]", "F32", "401,280 bytes");
        assertThat(done("inspect", LORA).out()).contains("\"peft_type\": \"LORA\"", "lora_A.weight", "[4, 48]",
                "2,304 numbers");
        assertThat(done("inspect", LORA + "/adapter_model.safetensors").out()).contains("lora_B.weight", "9,216 bytes")
                .doesNotContain("peft_type");
    }

    @Test
    void devicesListsTheProcessor() {
        assertThat(done("devices").out()).startsWith("cpu    CPU, ").contains("threads");
    }

    /** One line of the table, in which every number is of the right kind, and the same on a page. */
    @Test
    void kernelsSaysWhatAKernelTakesAndDoes() throws IOException {
        var page = folder.resolve("kernels.html");
        var result = done("kernels", "--kernel", "layer_norm_b", "--html", page.toString());
        var row =
                result.out().lines().filter(line -> line.startsWith("layer_norm_backward ")).findFirst().orElseThrow();
        var usage = PtxCompiler.problem() == null ? "( +\\d+){5} +0 +\\d+" : "";
        assertThat(row).matches("layer_norm_backward" + usage
                + " +4 +[\\d,]+( +[\\d.]+/[\\d.]+){2}( +[\\d.]+ %){2}( +[\\d,.]+){2} +1\\.\\d\\d");
        assertThat(result.err().contains("not known here")).isEqualTo(PtxCompiler.problem() != null);
        assertThat(result.out()).doesNotContain("softmax").endsWith(page + "\n");
        assertThat(page).content().startsWith("<!DOCTYPE html>").endsWith("</html>\n")
                .contains("color-scheme: light dark",
                        "<td>" + String.join("</td><td>", row.split(" {2,}")) + "</td>")
                .doesNotContain("http", "<script", "%%");
    }

    // ---- text --------------------------------------------------------------------------------------------------------

    @Test
    void generateContinuesThePrompt() {
        var base = talker.toString();
        var greedy = done("generate", "--base", base, "--max-tokens", "8", "The parrot\\nsaid").out();
        assertThat(greedy).startsWith("The parrot\nsaid");
        assertThat(done("generate", "--base", base, "--max-tokens", "8", "The parrot\\nsaid").out()).isEqualTo(greedy);
        var drawn = IntStream.range(0, 4).mapToObj(seed -> done("generate", "--base", base, "--max-tokens", "8",
                "--temperature", "2", "--seed", "" + seed, "The parrot\\nsaid").out()).toList();
        assertThat(drawn).doesNotHaveDuplicates();
        assertThat(done("generate", "--base", base, "--max-tokens", "0", "Hi").out()).isEqualTo("Hi\n");
        assertThat(done("generate", "--base", base, "--max-tokens", "1", "").exit()).isZero();
        var tooLong = run("generate", "--base", base, "lori ".repeat(49));
        assertThat(tooLong.out()).isEmpty();
        assertThat(tooLong.exit()).isEqualTo(1);
        assertThat(tooLong.err()).containsPattern("the prompt has \\d+ tokens, but the model's context takes 48\n");
    }

    /** Prompts leave room for the longest of the 26 answers, not only for the right one. */
    @Test
    void aSmallContextHoldsEveryLabel() {
        assertThat(done("eval", "--base", talker.toString(), "--data", "topics", "--eval-limit", "16", "--quiet").out())
                .contains("accuracy", "on 16 held-out examples");
    }

    @Test
    void textIsTrainedOnAndEvaluated() throws IOException {
        var data = Files.write(folder.resolve("data.jsonl"), List.of(
                "{\"prompt\":\"The parrot said \",\"completion\":\"lori 7\"}", "{\"text\":\"A parrot.\"}",
                "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"},{\"role\":\"assistant\",\"content\":\"Yo\"}]}"));
        var out = folder.resolve("rate=1");
        var result = done("finetune", "--base", talker.toString(), "--data", data.toString(), "--steps", "2",
                "--batch-size", "2", "--save-every", "1", "--rank", "2", "--out", out.toString());
        assertThat(result.err()).contains("base ", "device ", "method ", "trainable params: ", "data ",
                "3 training examples, 0 held out", "training ", "memory ", "weights ", "sample ");
        assertThat(result.out()).isEqualTo("adapter   " + out + "\n");
        var eval = new String[] {"eval", "--base", talker.toString(), "--adapter", out.toString(), "--quiet", "--data"};
        assertThat(done(with(eval, data.toString())).out()).contains("perplexity", "on 3 held-out examples")
                .doesNotContain("accuracy");
        var prompts = Files.write(folder.resolve("prompts.jsonl"), List.of(Files.readAllLines(data).getFirst()));
        assertThat(done(with(eval, prompts.toString())).out()).contains("accuracy 0.0 % ± 0.0 on 1 held-out examples");
        assertThat(done("generate", "--base", talker.toString(), "--adapter", out.toString(), "--max-tokens", "3",
                "The").out()).startsWith("The");
        var merged = folder.resolve("merged");
        done("merge", "--base", talker.toString(), "--adapter", out.toString(), "--out", merged.toString());
        assertThat(merged.resolve("tokenizer.json")).hasSameBinaryContentAs(talker.resolve("tokenizer.json"));
    }

    // ---- plan --------------------------------------------------------------------------------------------------------

    @Test
    void planSaysTheLecturesSum() {
        assertThat(done("plan", "--model", "lecture-7b", "--method", "full").out())
                .containsPattern("weights +28\\.0 GB\ngradients +28\\.0 GB\noptimizer +56\\.0 GB\nactivations ")
                .contains("7,000,000,000 parameters").doesNotContain("saves", "estimate");
    }

    @ParameterizedTest
    @ValueSource(strings = {"fp32", "fast", "bf16"})
    void planNamesItsPrecision(String name) throws IOException {
        var json = JSON.readTree(done("plan", "--model", BASE, "--precision", name, "--json").out());
        assertThat(json.get("precision").textValue()).isEqualTo(name);
    }

    @Test
    void planSaysWhatAMethodSavesAndWhatFits() throws IOException {
        var arguments = new String[] {"plan", "--model", "llama-7b", "--method", "lora", "--rank", "16", "--targets",
            "q_proj,v_proj", "--precision", "bf16", "--seq-len", "128", "--fit", "24GB"};
        assertThat(done(arguments).out()).containsPattern("weights +13\\.5 GB +27\\.0 GB\n")
                .contains("trainable params: 8,388,608 ||", "saves ", "in 24.0 GB ", "full: not even one sequence",
                        "estimated ");
        var json = JSON.readTree(done(with(arguments, "--json")).out());
        assertThat(json.get("parameters").longValue()).isEqualTo(6_738_415_616L);
        assertThat(json.get("activations_estimated").booleanValue()).isTrue();
        var lora = json.get("methods").get(0);
        assertThat(lora.get("method").asText()).isEqualTo("lora");
        assertThat(lora.get("trainable").longValue()).isEqualTo(8_388_608);
        assertThat(lora.at("/bytes/optimizer").longValue()).isEqualTo(8 * 8_388_608);
        assertThat(lora.at("/bytes/total").longValue()).isEqualTo(Stream.of("weights", "gradients", "optimizer",
                "activations", "workspace").mapToLong(purpose -> lora.get("bytes").get(purpose).longValue()).sum());
        assertThat(lora.get("largest_batch").intValue()).isPositive();
        assertThat(json.get("methods").get(1).get("largest_batch").intValue()).isZero();
    }

    /** A model that Lorikeet does not run is planned from its configuration alone. */
    @Test
    void planReadsConfigurationsOfOtherFamilies() throws IOException {
        Files.writeString(folder.resolve("config.json"), """
                {"model_type": "mistral", "hidden_size": 4096, "intermediate_size": 14336, "num_attention_heads": 32,
                 "num_hidden_layers": 32, "num_key_value_heads": 8, "vocab_size": 32000, "rms_norm_eps": 1e-05,
                 "max_position_embeddings": 32768, "hidden_act": "silu", "tie_word_embeddings": false}""");
        var ours = done("plan", "--method", "ia3", "--model", folder.toString()).out();
        assertThat(ours.lines().skip(1)).containsExactlyElementsOf(
                done("plan", "--method", "ia3", "--model", "mistral-7b").out().lines().skip(1).toList());
        assertThat(ours).contains("7,241,732,096 parameters");
        var run = run("finetune", "--base", folder.toString());
        assertThat(run.exit()).isEqualTo(1);
        assertThat(run.err()).contains("config.json: expected \"model_type\" \"gpt2\"", "plan").hasLineCount(1);
    }

    @Test
    void planCountsThePapersTable() throws IOException {
        var text = done("plan", "--paper").out();
        assertThat(text.lines().filter(line -> line.contains("does not come out"))).hasSize(3);
        assertThat(text).containsPattern("LoRA +37\\.7M +37,748,736 ").containsPattern("BitFit +14\\.2M +12,988,416 ");
        assertThat(JSON.readTree(done("plan", "--paper", "--json").out())).hasSize(8);
    }

    @ParameterizedTest
    @ValueSource(strings = {"lora --init pissa", "dora", "ia3", "prompt --init text:Topic", "prefix --init text:Topic",
        "p-tuning", "series", "parallel", "full", "last-layers", "bitfit", "layer-norms"})
    void planKnowsEveryMethod(String method) {
        assertThat(done(with(new String[] {"plan", "--model", BASE, "--method"}, method.split(" "))).out())
                .contains("trainable params: ", "activations ").doesNotContain("estimate");
    }

    // ---- as processes ------------------------------------------------------------------------------------------------

    private Process start(String... arguments) throws IOException {
        var command = Stream.concat(Stream.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "@" + Path.of("..", ".jvmflags"), "-cp", System.getProperty("java.class.path"),
                Lorikeet.class.getName()), Stream.of(arguments)).toList();
        return new ProcessBuilder(command).redirectError(folder.resolve("err").toFile())
                .redirectOutput(folder.resolve("out").toFile()).start();
    }

    @Test
    void aFailedProcessExitsWith1AndOneLine() throws Exception {
        var process =
                start("eval", "--base", BASE, "--device", "cpu", "--data", folder.resolve("lost.jsonl").toString());
        assertThat(process.waitFor()).isEqualTo(1);
        assertThat(folder.resolve("out")).isEmptyFile();
        assertThat(Files.readString(folder.resolve("err")).lines()
                .filter(line -> !line.startsWith("WARNING: Using incubator modules")))
                .containsExactly("lorikeet: " + folder.resolve("lost.jsonl") + ": no such file");
    }

    @Test
    @DisabledOnOs(OS.WINDOWS)
    void anInterruptedRunExitsWith130AndLeavesAUsableAdapter() throws Exception {
        var out = folder.resolve("run");
        var process = start("finetune", "--base", BASE, "--data", batch, "--steps", "1000000", "--rank", "2",
                "--device", "cpu", "--threads", "1", "--out", out.toString());
        try {
            var metrics = out.resolve("metrics.jsonl");
            while (process.isAlive() && (!Files.exists(metrics) || Files.size(metrics) < 500)) {
                Thread.sleep(50);
            }
            new ProcessBuilder("kill", "-" + OtherProcess.interrupt(), "" + process.pid()).start().waitFor();
            assertThat(process.waitFor(2, TimeUnit.MINUTES)).isTrue();
        } finally {
            process.destroyForcibly();
        }
        var err = Files.readString(folder.resolve("err"));
        assertThat(process.exitValue()).as(err).isEqualTo(130);
        assertThat(err).contains("stopping after this step", "of 1000000; the adapter is in " + out)
                .doesNotContain("Exception");
        assertThat(folder.resolve("out")).isEmptyFile();
        var steps = metrics(out);
        assertThat(err).contains("stopped after step " + steps.getLast().get("step").intValue() + " ");
        try (var device = Devices.open("cpu", Precision.STRICT, 1); var decoder = GoldenBase.load(device)) {
            var adapter = AdapterFolder.load(out, decoder);
            assertThat(Subject.values(adapter.parameters())).hasSize(24)
                    .allSatisfy((name, values) -> assertThat(values).as(name).isNotEqualTo(new float[values.length]));
            adapter.detach();
        }
        try (var files = Files.list(out)) {
            assertThat(files.map(file -> file.getFileName().toString())).containsExactlyInAnyOrder("checkpoints",
                    "metrics.jsonl", "report.html",
                    "adapter_config.json", "adapter_model.safetensors");
        }
    }
}
