package lorikeet.peft.lessons;

import java.io.IOException;
import java.nio.file.Path;
import lorikeet.kernels.Precision;
import lorikeet.kernels.Purpose;
import lorikeet.model.Presets;
import lorikeet.peft.Budget;
import lorikeet.peft.Lora;
import lorikeet.peft.Method;
import lorikeet.peft.Selection;
import lorikeet.peft.Targets;

/** Lesson 1: what fine-tuning takes, against the books of a dry run. */
final class MemoryExercise implements Exercise {
    private static final Budget.Load LOAD = new Budget.Load(1, 2, false, Precision.STRICT);

    private interface Task {
        long loraParameters(int layers, int width, int rank);

        long weightBytes(long base, long added);

        long gradientBytes(long trainable);

        long optimizerBytes(long trainable);
    }

    @Override
    public String title() {
        return "Fine-tuning is expensive";
    }

    @Override
    public String check(Path file) throws IOException {
        var student = StudentCode.in(file, name(), Task.class);
        checkParameters(student, "gpt2", 8);
        checkParameters(student, "gpt3-175b", 128);
        checkBytes(student, "gpt2", lora(8));
        checkBytes(student, "lecture-7b", new Selection.Full());
        return "Parameters and bytes are those that Lorikeet books, for LoRA on gpt2 and gpt3-175b and for the lecture's "
                + "full fine-tuning of 7 billion.";
    }

    private static Lora lora(int rank) {
        return new Lora(rank, 8, Targets.of("all-linear"));
    }

    private static void checkParameters(Task student, String model, int rank) {
        var shape = Presets.of(model).shape();
        int layers = shape.layers();
        long width = shape.width();
        long unit = layers * width * rank; // the layers take in w, w, w, 4w numbers and give 3w, w, 4w, w
        Expectation.count("loraParameters(%d, %d, %d)".formatted(layers, width, rank), lora(rank).trainable(shape))
                .orIf(16 * width * rank, "that is one block; there are " + layers)
                .orIf(7 * unit, "only A is counted, rank × in; B has out × rank more")
                .orIf(9 * unit, "only B is counted, out × rank; A has rank × in more")
                .orIf(8 * unit,
                        "not every layer goes from width to width: c_attn makes 3 · width, the MLP is 4 · width "
                                + "inside")
                .orIf(14 * unit, "c_attn makes queries, keys and values: 3 · width numbers come out")
                .orIf(10 * unit, "the MLP is 4 · width inside")
                .orIf(4 * unit, "that is c_attn alone; LoRA stands beside all four linear layers")
                .orIf(12 * width * width * layers, "these are the matrices W themselves; count A and B")
                .check(student.loraParameters(layers, (int) width, rank));
    }

    private static void checkBytes(Task student, String model, Method method) {
        var budget = Budget.of(method, Presets.of(model), LOAD);
        long base = budget.parameters();
        long added = budget.added();
        long trainable = budget.trainable();
        var of = ", " + method.name() + " on " + model;
        Expectation.count("weightBytes(%,d, %,d)%s".formatted(base, added, of), budget.bytes().get(Purpose.WEIGHTS))
                .orIf(4 * base, "the method's own numbers are weights too")
                .orIf(base + added, "these are numbers; a float takes four bytes")
                .orIf(8 * (base + added), "a float takes four bytes; eight is a double")
                .check(student.weightBytes(base, added));
        Expectation.count("gradientBytes(%,d)%s".formatted(trainable, of), budget.bytes().get(Purpose.GRADIENTS))
                .orIf(trainable, "these are numbers; a float takes four bytes")
                .orIf(8 * trainable, "a float takes four bytes; eight is a double")
                .check(student.gradientBytes(trainable));
        Expectation.count("optimizerBytes(%,d)%s".formatted(trainable, of), budget.bytes().get(Purpose.OPTIMIZER))
                .orIf(4 * trainable,
                        "Adam keeps two averages of each trained number, of its gradient and of the square")
                .orIf(2 * trainable, "these are numbers; a float takes four bytes")
                .orIf(12 * trainable, "the gradient itself is not the optimizer's")
                .orIf(16 * trainable, "a float takes four bytes; eight is a double")
                .check(student.optimizerBytes(trainable));
    }
}
