package lorikeet.peft.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.function.Function;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;
import lorikeet.kernels.Purpose;
import lorikeet.model.ModelConfig;
import lorikeet.peft.Budget;
import lorikeet.peft.Method;

/**
 * How a plan is said.
 *
 * @param model   its name
 * @param load    how it is trained
 * @param memory  bytes that shall suffice, or null
 * @param columns the method, and beside it full fine-tuning, unless it is that
 */
record PlanReport(String model, Budget.Load load, Long memory, List<Column> columns) {

    /**
     * One method on the model.
     *
     * @param largestBatch that fits the memory, or null
     */
    record Column(Method method, Budget budget, Integer largestBatch) {
        static Column of(Method method, ModelConfig model, Budget.Load load, Long memory) {
            return new Column(method, Budget.of(method, model, load),
                    memory == null ? null : Budget.largestBatch(method, model, load, memory));
        }
    }

    /** For people. */
    String text() {
        var method = columns.getFirst().method;
        var budget = columns.getFirst().budget;
        var text = new StringBuilder();
        line(text, "model        %s, %,d parameters", model, budget.parameters());
        line(text, "method       %s, %s", method.name(),
                Report.trainable(budget.trainable(), budget.parameters() + budget.added()));
        line(text, "batch        %,d × %,d tokens, all of them learned", load.batch(), load.length());
        line(text, "");
        row(text, "", column -> column.method.name());
        for (var purpose : Purpose.values()) {
            bytes(text, purpose.label(), each -> each.bytes().get(purpose));
        }
        bytes(text, "together", Budget::total);
        line(text, "");
        if (columns.size() > 1) {
            long full = columns.getLast().budget.total();
            long saved = full - budget.total();
            line(text, "saves        %s, %.1f %%", Report.bytes(saved), 100.0 * saved / full);
        }
        if (memory != null) {
            line(text, "in %-9s %s", Report.bytes(memory), columns.stream()
                    .map(column -> "%s: %s".formatted(column.method.name(), column.largestBatch == 0
                            ? "not even one sequence"
                            : "%,d × %,d tokens".formatted(column.largestBatch, load.length())))
                    .collect(Collectors.joining("; ")));
        }
        line(text, "without      scratch space of the device's kernels and libraries");
        if (budget.estimated()) {
            line(text,
                    "estimated    activations: those of a model of GPT-2's kind that is as wide, since Lorikeet does not "
                            + "run this kind");
        }
        return text.toString();
    }

    private static void line(StringBuilder text, String format, Object... values) {
        text.append(format.formatted(values)).append('\n');
    }

    private void row(StringBuilder text, String name, Function<Column, String> cell) {
        line(text, "%-12s%s", name, columns.stream().map(column -> "%13s".formatted(cell.apply(column)))
                .collect(Collectors.joining()));
    }

    private void bytes(StringBuilder text, String name, ToLongFunction<Budget> bytes) {
        row(text, name, column -> Report.bytes(bytes.applyAsLong(column.budget)));
    }

    /** For scripts. */
    ObjectNode json() {
        var budget = columns.getFirst().budget;
        var json = new ObjectMapper().createObjectNode();
        json.put("model", model).put("parameters", budget.parameters());
        json.put("batch_size", load.batch()).put("seq_len", load.length()).put("recompute", load.recompute());
        json.put("precision", switch (load.precision()) {
            case STRICT -> "fp32";
            case FAST -> "fast";
            case BF16 -> "bf16";
        });
        json.put("activations_estimated", budget.estimated());
        if (memory != null) {
            json.put("fit_bytes", memory);
        }
        for (var column : columns) {
            var method = json.withArray("methods").addObject();
            method.put("method", column.method.name()).put("trainable", column.budget.trainable())
                    .put("added", column.budget.added());
            var bytes = method.putObject("bytes");
            column.budget.bytes().forEach((purpose, number) -> bytes.put(purpose.label(), number));
            bytes.put("total", column.budget.total());
            if (memory != null) {
                method.put("largest_batch", column.largestBatch);
            }
        }
        return json;
    }
}
