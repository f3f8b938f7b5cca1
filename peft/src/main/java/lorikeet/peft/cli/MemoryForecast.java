package lorikeet.peft.cli;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import lorikeet.kernels.Device;
import lorikeet.kernels.OutOfDeviceMemoryException;
import lorikeet.kernels.Precision;
import lorikeet.model.ModelConfig;
import lorikeet.model.data.Example;
import lorikeet.model.data.Task;
import lorikeet.peft.Budget;
import lorikeet.peft.Budget.Copies;
import lorikeet.peft.Budget.Load;
import lorikeet.peft.Lora;
import lorikeet.peft.Method;
import lorikeet.peft.Selection;
import lorikeet.peft.Targets;

/**
 * Whether a training fits into the memory of its device, known before any is allocated.
 *
 * @param model with the dropouts that apply
 * @param load  the batch that takes most
 */
record MemoryForecast(Method method, ModelConfig model, Load load, Device device) {
    private static final Lora LIGHTER = new Lora(4, 8, Targets.of("all-linear"));

    /** The heaviest batch: the longest examples of the task together. */
    static Load heaviest(Task task, int batchSize, boolean recompute, Precision precision, Copies copies) {
        var longest = task.training().stream().map(Example::length).sorted(Collections.reverseOrder()).limit(batchSize)
                .toList();
        int tokens = longest.stream().mapToInt(Integer::intValue).sum();
        return new Load(longest.size(), Math.ceilDiv(tokens, longest.size()), recompute, precision, copies);
    }

    /**
     * What it takes, in a line; scratch space of the device's libraries comes on top.
     *
     * @throws OutOfDeviceMemoryException if the device has not that much; the message says what would fit
     */
    String requireRoom() {
        var budget = Budget.of(method, model, load);
        var need = "%s (%s)".formatted(Report.bytes(budget.total()), Report.memory(budget.bytes()));
        if (budget.total() <= device.capacity()) {
            return "about %s of %s".formatted(need, Report.bytes(device.capacity()));
        }
        var remedies = remedies();
        throw new OutOfDeviceMemoryException("%s needs %s, but %s has %s; %s".formatted(method.name(), need,
                device.name(), Report.bytes(device.capacity()), remedies.isEmpty()
                        ? "only a smaller base would fit"
                        : "what would fit: " + String.join(", or ", remedies)));
    }

    /** Options that each make it fit. */
    private List<String> remedies() {
        var remedies = new ArrayList<String>();
        int batch = Budget.largestBatch(method, model, load, device.capacity());
        if (batch > 0) {
            remedies.add("--batch-size " + batch);
        }
        boolean inBf16 = load.precision() != Precision.BF16 && !(method instanceof Selection);
        if (!load.recompute() && fits(method, true, load.precision())) {
            remedies.add("--recompute");
        }
        if (inBf16 && fits(method, load.recompute(), Precision.BF16)) {
            remedies.add("--precision bf16");
        } else if (inBf16 && fits(method, true, Precision.BF16)) {
            remedies.add("--precision bf16 --recompute");
        }
        if (method instanceof Selection && fits(LIGHTER, load.recompute(), load.precision())) {
            remedies.add("--method lora");
        }
        return remedies;
    }

    private boolean fits(Method instead, boolean recompute, Precision precision) {
        var other = new Load(load.batch(), load.length(), recompute, precision,
                precision == load.precision() ? load.copies() : Copies.NONE);
        return Budget.of(instead, model, other).total() <= device.capacity();
    }
}
