package lorikeet.bench;

import java.io.IOException;
import java.util.List;
import java.util.Random;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import lorikeet.kernels.CacheFolder;
import lorikeet.kernels.DType;
import lorikeet.kernels.Devices;
import lorikeet.kernels.Precision;
import lorikeet.model.BundledBase;
import lorikeet.model.Dropouts;
import lorikeet.model.ModelConfig;
import lorikeet.model.ModelFolder;
import lorikeet.model.ModelShape;
import lorikeet.model.Pretraining;
import lorikeet.model.data.Batch;
import lorikeet.model.data.Sequences;

/**
 * What a step works on: a model and a batch of sequences of one length, random tokens of which every one is learned.
 *
 * @param base      {@code bundled}, {@code gpt2-small}, or LAYERSxWIDTH with random weights such as {@code 6x256}
 * @param sequences in the batch
 * @param length    tokens in each
 */
record Workload(String base, int sequences, int length) {
    static final Workload BUNDLED = new Workload("bundled", 16, 128);
    static final Workload GPT2_SHORT = new Workload("gpt2-small", 4, 128);
    static final Workload GPT2_LONG = new Workload("gpt2-small", 1, 1024);
    static final Workload GPT2_LARGE = new Workload("gpt2-small", 8, 1024);

    private static final Pattern TEXT = Pattern.compile("(\\S+) (\\d+)x(\\d+)");
    private static final Pattern SIZE = Pattern.compile("(\\d+)x(\\d+)");
    private static final int HEAD_SIZE = 32;

    /** Reads what {@link #toString} writes, such as {@code gpt2-small 4x128}. */
    static Workload parse(String text) {
        var parts = TEXT.matcher(text);
        if (!parts.matches()) {
            throw new IllegalArgumentException("expected BASE SEQUENCESxLENGTH, not " + text);
        }
        return new Workload(parts.group(1), Integer.parseInt(parts.group(2)), Integer.parseInt(parts.group(3)));
    }

    @Override
    public String toString() {
        return base + " " + sequences + "x" + length;
    }

    int tokens() {
        return sequences * length;
    }

    /** The model's folder. One with random weights is made when it is first asked for, and stays in the cache. */
    ModelFolder folder() throws IOException {
        if (base.equals("bundled")) {
            return ModelFolder.open(BundledBase.folder());
        }
        return ModelFolder.open(CacheFolder.folder("random-" + base + "-1", folder -> {
            try (var device = Devices.open("cpu", Precision.STRICT, 0);
                    var decoder = Pretraining.newDecoder(device, randomShape(), Dropouts.NONE, 1)) {
                var config = new ModelConfig(randomShape(), Dropouts.NONE, 0);
                ModelFolder.save(folder, decoder, config, DType.F32);
            }
        }));
    }

    private ModelShape randomShape() {
        if (base.equals("gpt2-small")) {
            return ModelShape.gpt2(50257, 1024, 768, 12, 12);
        }
        var size = SIZE.matcher(base);
        if (!size.matches()) {
            throw new IllegalArgumentException("expected bundled, gpt2-small or LAYERSxWIDTH, not " + base);
        }
        int width = Integer.parseInt(size.group(2));
        return ModelShape.gpt2(4096, 2048, width, Integer.parseInt(size.group(1)), width / HEAD_SIZE);
    }

    /** The same for every run. */
    Batch batch(int vocabulary) {
        var random = new Random(1);
        var texts = IntStream.range(0, sequences).mapToObj(_ -> random.ints(length, 0, vocabulary).toArray()).toList();
        var joined = Sequences.of(List.copyOf(texts));
        return new Batch(joined, joined.ids());
    }
}
