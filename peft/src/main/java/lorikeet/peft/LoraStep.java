package lorikeet.peft;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import lorikeet.engine.AdamWOptimizer;
import lorikeet.kernels.Precision;
import lorikeet.kernels.RandomKey;
import lorikeet.kernels.cuda.CudaDevice;
import lorikeet.kernels.sim.KernelProfile;
import lorikeet.kernels.sim.SimGpu;
import lorikeet.model.Dropouts;
import lorikeet.model.ModelShape;
import lorikeet.model.Pass;
import lorikeet.model.Pretraining;
import lorikeet.model.data.Batch;
import lorikeet.model.data.Example;

/**
 * One training step with LoRA of rank 4 on all linear layers, executed and counted by the GPU made of Java. What kernels do
 * depends on shapes, not on weights, so the decoder is a random one.
 *
 * @param kernels  what each kernel did in the whole step
 * @param forward  names of what was launched forward, in order, matrix products as {@link SimGpu#PRODUCT}
 * @param backward the same of backward
 */
public record LoraStep(List<KernelProfile> kernels, List<String> forward, List<String> backward) {

    /** @param lengths of the batch's sequences, in tokens */
    public static LoraStep profile(ModelShape shape, int... lengths) {
        var gpu = new SimGpu(SimGpu.Options.DEFAULT.withProfile(true));
        try (var device = new CudaDevice(gpu, Precision.STRICT);
                var decoder = Pretraining.newDecoder(device, shape, Dropouts.NONE, 0)) {
            var adapter = new Lora(4, 8, Targets.of("all-linear")).attach(decoder, 0);
            var batch = batch(shape, lengths);
            var group = new AdamWOptimizer.Group(List.copyOf(adapter.parameters().values()), 0, 1);
            try (var optimizer = new AdamWOptimizer(List.of(group), AdamWOptimizer.Settings.DEFAULT);
                    var _ = device.memory().scope()) {
                gpu.resetProfiles();
                var pass = new Pass(true, RandomKey.at(0, 0, 0, 0), false);
                var loss = decoder.loss(batch.sequences(), batch.labels(), 1f / batch.labelCount(0), pass);
                int forward = gpu.launches().size();
                loss.backward();
                int backward = gpu.launches().size();
                optimizer.step(loss, 1e-3f, 1);
                return new LoraStep(gpu.profiles(), gpu.launches().subList(0, forward),
                        gpu.launches().subList(forward, backward));
            } finally {
                adapter.detach();
            }
        }
    }

    private static Batch batch(ModelShape shape, int... lengths) {
        return Batch.of(Arrays.stream(lengths).mapToObj(length -> {
            var ids = new int[length];
            Arrays.setAll(ids, i -> (31 * length + 7 * i) % shape.vocabulary());
            return new Example(ids, ids);
        }).toList());
    }

    /**
     * What a decoder layer launches, in order: forward from its first layer norm on, backward down to the same one.
     *
     * @param forward  forward
     * @param backward backward
     */
    public record Layer(List<String> forward, List<String> backward) {

        /** Of a layer between others: what three layers launch more than two. */
        public static Layer profile() {
            var two = LoraStep.profile(ModelShape.gpt2(16, 16, 8, 2, 1), 9);
            var three = LoraStep.profile(ModelShape.gpt2(16, 16, 8, 3, 1), 9);
            var forward = cycle(two.forward, three.forward);
            var backward = cycle(two.backward, three.backward);
            return new Layer(cutBefore(next(forward, -1, "norm"), forward),
                    cutBefore(next(backward, 1, "norm_backward") + 1, backward));
        }

        /** What {@code more} repeats once more than {@code less}, beginning anywhere in it. */
        private static List<String> cycle(List<String> less, List<String> more) {
            int end = 0;
            while (end < less.size() && less.get(end).equals(more.get(end))) {
                end++;
            }
            return more.subList(end - (more.size() - less.size()), end);
        }

        /** Where the first such norm stands that one comes to from attention, forwards (1) or backwards (−1), round the cycle. */
        private static int next(List<String> cycle, int step, String norm) {
            int at = IntStream.range(0, cycle.size()).filter(i -> cycle.get(i).startsWith("attention")).findFirst()
                    .orElseThrow();
            while (!cycle.get(at).contains(norm)) {
                at = Math.floorMod(at + step, cycle.size());
            }
            return at;
        }

        private static List<String> cutBefore(int start, List<String> cycle) {
            var cut = new ArrayList<>(cycle);
            Collections.rotate(cut, -start);
            return cut;
        }
    }
}
