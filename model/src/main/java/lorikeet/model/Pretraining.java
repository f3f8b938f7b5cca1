package lorikeet.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;
import java.util.function.LongFunction;
import lorikeet.engine.Initialisation;
import lorikeet.engine.Tensor;
import lorikeet.kernels.Device;
import lorikeet.kernels.RandomKey;
import lorikeet.model.data.Batch;
import lorikeet.model.data.Sequences;

/** Training a decoder from nothing: its first values, and batches from a stream of documents. */
public final class Pretraining {
    private static final double DEVIATION = 0.02;

    private Pretraining() {}

    /**
     * First values as GPT-2 has them: weights normal with deviation 0.02, smaller by √(2 · layers) where they write to the
     * residual stream; biases 0; layer norms 1 and 0.
     */
    public static Decoder newDecoder(Device device, ModelShape shape, Dropouts dropouts, long seed) {
        var parameters = device.memory().allOrNothing(() -> parameters(device, shape, seed));
        return new Decoder(device, shape, dropouts, parameters, (name, _) -> {
            throw new IllegalStateException("this decoder was not read from files: " + name + " has no original");
        });
    }

    private static Map<String, Tensor> parameters(Device device, ModelShape shape, long seed) {
        var parameters = new LinkedHashMap<String, Tensor>();
        ModelFolder.expectedShapes(shape).forEach((name, dims) -> parameters.put(name, switch (name) {
            case String n when n.endsWith(".bias") -> Initialisation.zeros(device, dims);
            case String n when n.contains("ln_") -> Initialisation.constant(device, dims, 1);
            case String n when n.endsWith("c_proj.weight") -> Initialisation.normal(device, dims,
                    DEVIATION / Math.sqrt(2.0 * shape.layers()), RandomKey.named(seed, n));
            default -> Initialisation.normal(device, dims, DEVIATION, RandomKey.named(seed, name));
        }));
        return parameters;
    }

    /**
     * Batches of about {@code tokens} tokens from passes over documents. Every other batch has each document as a sequence
     * of its own; those between join documents to sequences as long as the context, so that all positions are learned.
     */
    public static final class Stream implements LongFunction<Batch> {
        private final IntFunction<List<int[]>> documents;
        private final int tokens;
        private final int context;
        private List<int[]> current = List.of();
        private int pass = -1;
        private int next;
        private int taken; // tokens of the next document that are used already
        private long made;

        /**
         * @param documents token ids of the documents of each pass, end-of-text included
         * @param tokens    a batch's size
         * @param context   longest sequence
         */
        public Stream(IntFunction<List<int[]>> documents, int tokens, int context) {
            this.documents = documents;
            this.tokens = tokens;
            this.context = context;
        }

        /** Passes over the text begun so far. */
        public int passes() {
            return pass + 1;
        }

        @Override
        public Batch apply(long n) {
            if (n < made) {
                throw new IllegalArgumentException("batch " + n + " is gone: a stream only goes forward");
            }
            Batch batch;
            do {
                batch = made % 2 == 0 ? documentBatch() : joinedBatch();
                made++;
            } while (made <= n);
            return batch;
        }

        /** The next document, or as much of it as fits the context; then the rest of it comes next. */
        private int[] nextDocument() {
            if (next == current.size()) {
                current = documents.apply(++pass);
                next = 0;
            }
            var document = current.get(next);
            int from = taken;
            int to = Math.min(document.length, from + context);
            boolean whole = to == document.length;
            taken = whole ? 0 : to;
            next += whole ? 1 : 0;
            return Arrays.copyOfRange(document, from, to);
        }

        private Batch documentBatch() {
            var sequences = new ArrayList<int[]>();
            for (int count = 0; count < tokens; count += sequences.getLast().length) {
                sequences.add(nextDocument());
            }
            return batch(sequences);
        }

        private Batch joinedBatch() {
            var sequences = new ArrayList<int[]>();
            for (int i = 0; i < Math.max(1, tokens / context); i++) {
                var joined = new int[context];
                for (int filled = 0; filled < context;) {
                    var document = nextDocument();
                    int count = Math.min(document.length, context - filled);
                    System.arraycopy(document, 0, joined, filled, count);
                    filled += count;
                }
                sequences.add(joined);
            }
            return batch(sequences);
        }

        private static Batch batch(List<int[]> sequences) {
            var joined = Sequences.of(sequences);
            return new Batch(joined, joined.ids());
        }
    }
}
