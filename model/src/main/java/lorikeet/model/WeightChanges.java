package lorikeet.model;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import lorikeet.engine.Tensor;
import lorikeet.kernels.DType;
import lorikeet.kernels.Device;
import lorikeet.kernels.Purpose;

/**
 * What stands in a decoder's weights for a time: merged adapters, say. The first bytes of every changed weight are kept on
 * the host, so that changes can be taken back in any order, the last one leaving the weight as it was, bit for bit.
 */
public final class WeightChanges {
    private final Map<Tensor, Changed> byWeight = new IdentityHashMap<>();

    /** A change and who made it. */
    private record Change(Object owner, Consumer<Tensor> work) {}

    private record Changed(Arena arena, MemorySegment original, List<Change> changes) {}

    /**
     * Changes a weight. What is stored in bf16 is changed in 32 bits, together with all other changes, and rounded once.
     *
     * @param owner whoever will {@link #undo} it
     * @param work  works on the weight in place; repeated when another change is taken back
     */
    public void apply(Object owner, Tensor weight, Consumer<Tensor> work) {
        var changed = byWeight.computeIfAbsent(weight, WeightChanges::keep);
        changed.changes.add(new Change(owner, work));
        if (weight.dtype() == DType.F32) {
            weight.change(() -> work.accept(weight));
        } else {
            weight.change(() -> rebuild(weight, changed));
        }
    }

    /** Whether something stands in a weight now. */
    public boolean changed(Tensor weight) {
        return byWeight.containsKey(weight);
    }

    /** Takes back everything that {@code owner} has changed. */
    public void undo(Object owner) {
        byWeight.entrySet().removeIf(entry -> {
            var changed = entry.getValue();
            if (changed.changes.removeIf(change -> change.owner == owner)) {
                entry.getKey().change(() -> rebuild(entry.getKey(), changed));
            }
            if (changed.changes.isEmpty()) {
                changed.arena.close();
            }
            return changed.changes.isEmpty();
        });
    }

    /** Forgets all changes, when the weights are no more. */
    void close() {
        byWeight.values().forEach(changed -> changed.arena.close());
        byWeight.clear();
    }

    private static Changed keep(Tensor weight) {
        var arena = Arena.ofShared();
        var original = arena.allocate(weight.data().bytes(), Long.BYTES);
        weight.device().download(original, weight.data());
        return new Changed(arena, original, new ArrayList<>());
    }

    /** The original with all changes, in their order. */
    private static void rebuild(Tensor weight, Changed changed) {
        var device = weight.device();
        device.upload(weight.data(), changed.original);
        if (weight.dtype() == DType.F32) {
            changed.changes.forEach(change -> change.work.accept(weight));
        } else if (!changed.changes.isEmpty()) {
            inFullPrecision(device, weight, changed.changes);
        }
    }

    private static void inFullPrecision(Device device, Tensor weight, List<Change> changes) {
        try (var _ = device.memory().scope()) {
            var wide = Tensor.allocate(device, weight.shape(), DType.F32, Purpose.WORKSPACE);
            device.copy(wide.data(), weight.data());
            changes.forEach(change -> change.work.accept(wide));
            device.copy(weight.data(), wide.data());
        }
    }
}
