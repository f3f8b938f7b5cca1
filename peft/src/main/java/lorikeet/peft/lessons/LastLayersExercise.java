package lorikeet.peft.lessons;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import lorikeet.model.ModelShape;
import lorikeet.model.Presets;
import lorikeet.peft.Selection;

/** Lesson 2: which parameters the last layers are, and how many. */
final class LastLayersExercise implements Exercise {

    private interface Task {
        boolean trains(String name, int layers, int last);

        long trained(int width, int last);
    }

    @Override
    public String title() {
        return "Why not just the last layers?";
    }

    @Override
    public String check(Path file) throws IOException {
        var student = StudentCode.in(file, name(), Task.class);
        var shape = Presets.of("gpt2").shape();
        for (int last : new int[] {1, 2, 11, 12}) {
            checkNames(student, shape, last);
        }
        for (var model : List.of("gpt2", "gpt3-175b")) {
            checkCount(student, Presets.of(model).shape(), 2);
        }
        return "The same parameters as `--method last-layers` trains, and as many.";
    }

    private static void checkNames(Task student, ModelShape shape, int last) {
        int layers = shape.layers();
        Predicate<String> right = name -> new Selection.LastLayers(last).selects(name, shape);
        Predicate<String> given = name -> student.trains(name, layers, last);
        var names = names(shape);
        for (var name : names) {
            if (given.test(name) != right.test(name)) {
                var cause = mistakes(layers, last, right).entrySet().stream()
                        .filter(mistake -> names.stream()
                                .allMatch(each -> mistake.getValue().test(each) == given.test(each)))
                        .map(mistake -> "\nLikely cause: " + mistake.getKey() + ".").findFirst().orElse("");
                throw new Mistake("trains(\"%s\", %d, %d) is %s, expected %s.%s".formatted(name, layers, last,
                        given.test(name), right.test(name), cause));
            }
        }
    }

    private static List<String> names(ModelShape shape) {
        var ofBlocks = IntStream.range(0, shape.layers()).boxed()
                .flatMap(i -> Stream.of("ln_1", "attn.c_attn", "attn.c_proj", "ln_2", "mlp.c_fc", "mlp.c_proj")
                        .map(layer -> "h." + i + "." + layer));
        return Stream.concat(Stream.of("wte.weight", "wpe.weight"),
                Stream.concat(ofBlocks, Stream.of("ln_f"))
                        .flatMap(layer -> Stream.of(layer + ".weight", layer + ".bias")))
                .toList();
    }

    private static Map<String, Predicate<String>> mistakes(int layers, int last, Predicate<String> right) {
        var mistakes = new LinkedHashMap<String, Predicate<String>>();
        Predicate<String> norm = name -> name.startsWith("ln_f.");
        mistakes.put("the layer norm behind the last layer, ln_f, is trained with it",
                name -> right.test(name) && !norm.test(name));
        mistakes.put("the embeddings wte and wpe are below all layers and stay frozen",
                name -> right.test(name) || name.startsWith("w"));
        mistakes.put("these are the first layers; the last ones have the largest numbers",
                name -> norm.test(name) || block(name) >= 0 && block(name) < last);
        mistakes.put("one layer too many: layers count from 0, so the last is number " + (layers - 1),
                name -> norm.test(name) || block(name) >= layers - last - 1);
        mistakes.put("one layer too few: of " + layers + " layers, the last " + last + " begin with number "
                + (layers - last), name -> norm.test(name) || block(name) > layers - last);
        mistakes.put("layer 1 and layers 10 and 11 are mixed up: compare numbers, or names as far as the second dot",
                name -> norm.test(name) || IntStream.range(layers - last, layers)
                        .anyMatch(i -> name.startsWith("h." + i)));
        mistakes.put("numbers are compared as text, where \"10\" comes before \"2\"",
                name -> norm.test(name) || block(name) >= 0
                        && name.split("\\.")[1].compareTo(String.valueOf(layers - last)) >= 0);
        mistakes.put("it is the other way round: true means trained", right.negate());
        return mistakes;
    }

    private static int block(String name) {
        return name.startsWith("h.") ? Integer.parseInt(name.split("\\.")[1]) : -1;
    }

    private static void checkCount(Task student, ModelShape shape, int last) {
        long w = shape.width();
        Expectation.count("trained(%d, %d)".formatted(w, last), new Selection.LastLayers(last).trainable(shape))
                .orIf(last * (12 * w * w + 13 * w), "the layer norm behind the last layer is trained too")
                .orIf(last * (12 * w * w + 4 * w) + 2 * w, "linear layers have biases, one number for each output")
                .orIf(last * (12 * w * w + 9 * w) + 2 * w, "each layer has two layer norms of 2 · width numbers")
                .orIf(last * (12 * w * w + 11 * w) + 2 * w, "each layer has two layer norms, not one")
                .orIf(last * 12 * w * w, "these are the matrices; biases and layer norms have parameters too")
                .orIf(last * 12 * w * w + 2 * w, "linear layers have biases, and each layer has two layer norms")
                .orIf(12 * w * w + 13 * w + 2 * w, "that is one layer; there are " + last)
                .orIf(last * (4 * w * w + 13 * w) + 2 * w, "the MLP is 4 · width inside, c_attn makes 3 · width")
                .check(student.trained((int) w, last));
    }
}
