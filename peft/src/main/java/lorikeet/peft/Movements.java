package lorikeet.peft;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import lorikeet.engine.Tensor;
import lorikeet.kernels.Buffer;
import lorikeet.kernels.DType;
import lorikeet.kernels.Purpose;
import lorikeet.model.Decoder;

/**
 * How far training moves the parameters of a decoder and of what is attached to it. Parameters of the base are compared with
 * the file they were read from, and with the adapter merged into them where it can be; added ones with the numbers they
 * began with, of which a copy is kept on the host.
 */
public final class Movements {
    /** Numbers that are compared at a time. */
    private static final int CHUNK = 1 << 20;

    private final Decoder decoder;
    private final Adapter adapter;
    private final Map<String, float[]> first = new HashMap<>();

    /**
     * How far a parameter moved.
     *
     * @param name    in the decoder, or in the adapter's files
     * @param trained whether it is trained itself, rather than changed by what stands beside it
     * @param added   whether the base does not have it
     * @param norm    Euclidean, before training; null if it was not measured
     * @param change  norm of the difference since then, likewise
     */
    public record Movement(String name, String shape, long size, boolean trained, boolean added, Double norm,
            Double change) {}

    /** Begins now, when training has not. */
    public Movements(Decoder decoder, Adapter adapter) {
        this.decoder = decoder;
        this.adapter = adapter;
        added().forEach((name, parameter) -> first.put(name, parameter.toArray()));
    }

    private Map<String, Tensor> added() {
        var added = new LinkedHashMap<>(adapter.parameters());
        added.values().removeAll(decoder.parameters().values());
        return added;
    }

    /** All parameters, with nothing measured yet. */
    public List<Movement> before() {
        return all((_, _) -> Moved.UNKNOWN, (_, _) -> Moved.UNKNOWN);
    }

    /**
     * All parameters, measured. Base and adapter are the same afterwards, bit for bit. Where the base is stored in bf16,
     * nothing is merged: rounding would be taken for movement. Nor is what cannot be, LoRA beside a token embedding that is
     * the output layer too.
     *
     * @throws ArithmeticException if the adapter holds a NaN or an infinity
     */
    public List<Movement> now() {
        if (!(adapter instanceof Mergeable mergeable) || Probe.hasBf16(decoder)) {
            return all(this::ofBase, this::ofAdded);
        }
        boolean merged = mergeable.merged();
        try {
            mergeable.merge();
        } catch (IllegalStateException e) {
            return all(this::ofBase, this::ofAdded);
        }
        try {
            return all(this::ofBase, this::ofAdded);
        } finally {
            if (!merged) {
                mergeable.unmerge();
            }
        }
    }

    /** Finds out how far a parameter has come. */
    @FunctionalInterface
    private interface Measure {
        Moved of(String name, Tensor parameter);
    }

    /** What of a distance is known. */
    private record Moved(Double norm, Double change) {
        static final Moved UNKNOWN = new Moved(null, null), NOT = new Moved(null, 0.0);

        static Moved by(Distance distance) {
            return new Moved(distance.norm(), distance.change());
        }
    }

    private List<Movement> all(Measure base, Measure added) {
        var all = new ArrayList<Movement>();
        var trained = adapter.parameters().values();
        var ofAdapter = added();
        decoder.parameters().forEach((name, parameter) -> all.add(
                movement(name, parameter, trained.contains(parameter), false, base)));
        ofAdapter.forEach((name, parameter) -> all.add(movement(name, parameter, true, true, added)));
        return all;
    }

    private static Movement movement(String name, Tensor parameter, boolean trained, boolean added, Measure measure) {
        var moved = measure.of(name, parameter);
        return new Movement(name, parameter.shape().toString(), parameter.size(), trained, added, moved.norm,
                moved.change);
    }

    /** What is neither trained nor merged into has not moved, and is not read again. */
    private Moved ofBase(String name, Tensor parameter) {
        if (!adapter.parameters().containsValue(parameter) && !decoder.changes().changed(parameter)) {
            return Moved.NOT;
        }
        try (var _ = decoder.device().memory().scope()) {
            var original = decoder.original(name);
            var distance = Distance.NONE;
            for (long from = 0; from < parameter.size(); from += CHUNK) {
                long count = Math.min(CHUNK, parameter.size() - from);
                distance = distance.with(Distance.between(numbers(original.data().slice(from, count)),
                        numbers(parameter.data().slice(from, count))));
            }
            return Moved.by(distance);
        }
    }

    private Moved ofAdded(String name, Tensor parameter) {
        return Moved.by(Distance.between(first.get(name), parameter.toArray()));
    }

    private float[] numbers(Buffer data) {
        var device = decoder.device();
        if (data.dtype() == DType.F32) {
            return device.downloadFloats(data);
        }
        try (var _ = device.memory().scope()) {
            var wide = device.memory().allocate(DType.F32, data.size(), Purpose.WORKSPACE);
            device.copy(wide, data);
            return device.downloadFloats(wide);
        }
    }
}
