package lorikeet.peft;

import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import lorikeet.engine.Autograd;
import lorikeet.kernels.DType;
import lorikeet.kernels.Purpose;
import lorikeet.model.Decoder;
import lorikeet.model.Pass;
import lorikeet.model.data.Sequences;

/** By how much a decoder's outputs move when its weights are rounded, measured on a short text of all kinds of tokens. */
public final class Probe {
    private static final int LENGTH = 32;

    private final Decoder decoder;
    private final float[] before;

    private Probe(Decoder decoder) {
        this.decoder = decoder;
        before = logits();
    }

    /** Remembers the outputs as they are now. */
    public static Probe of(Decoder decoder) {
        return new Probe(decoder);
    }

    /** Whether some of the decoder's weights are stored in bf16. */
    static boolean hasBf16(Decoder decoder) {
        return decoder.parameters().values().stream().anyMatch(weight -> weight.dtype() == DType.BF16);
    }

    /** Rounds all weights as a file in bf16 would. */
    public static void roundToBf16(Decoder decoder) {
        var device = decoder.device();
        for (var weight : decoder.parameters().values()) {
            try (var _ = device.memory().scope()) {
                var rounded = device.memory().allocate(DType.BF16, weight.size(), Purpose.WORKSPACE);
                device.copy(rounded, weight.data());
                weight.change(() -> device.copy(weight.data(), rounded));
            }
        }
    }

    /** "outputs moved by up to 0.012; the largest is 14.2": logits now against then. */
    public String moved() {
        var after = logits();
        double moved = 0;
        double largest = 0;
        for (int i = 0; i < after.length; i++) {
            moved = Math.max(moved, Math.abs(after[i] - before[i]));
            largest = Math.max(largest, Math.abs(before[i]));
        }
        return String.format(Locale.ROOT, "outputs moved by up to %.2g; the largest is %.3g", moved, largest);
    }

    private float[] logits() {
        int vocabulary = decoder.shape().vocabulary();
        int length = Math.min(LENGTH, decoder.shape().context() - decoder.virtualTokens());
        var ids = IntStream.range(0, length).map(i -> (int) ((long) i * vocabulary / length)).toArray();
        try (var _ = decoder.device().memory().scope()) {
            return Autograd.off(() -> decoder.logits(Sequences.of(List.of(ids)), Pass.EVALUATION)).toArray();
        }
    }
}
