package lorikeet.bench;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import java.io.IOException;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import lorikeet.engine.Tensor;
import lorikeet.kernels.CacheFolder;
import lorikeet.kernels.DType;
import lorikeet.kernels.Devices;
import lorikeet.kernels.Precision;
import lorikeet.model.Dropouts;
import lorikeet.peft.Adapter;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** The step of {@link StepBenchmark} in libtorch: same weights, same batch, same optimizer. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
public class TorchBenchmark {
    @Param("bundled 16x128")
    public String workload;
    @Param("lora-c_attn")
    public String method;
    @Param("fp32")
    public String type;
    @Param("0")
    public int threads;

    private final NDList weights = new NDList();
    private final NDList lora = new NDList();
    private final NDList means = new NDList();
    private final NDList variances = new NDList();
    private final NDList counts = new NDList();
    private NDManager manager;
    private Model loss;
    private Model adamw;
    private NDArray ids;
    private NDArray labels;
    private NDList trained;
    private int steps;

    @Setup
    public void load() throws IOException {
        System.setProperty("ai.djl.offline", "true");
        System.setProperty("OPT_OUT_TRACKING", "true");
        System.setProperty("ENGINE_CACHE_DIR", CacheFolder.folder("libtorch-2.7.1", _ -> {}).toString());
        System.setProperty("org.slf4j.simpleLogger.log.ai.djl", "error");
        System.setProperty("lorikeet.onednn.off", "true"); // Lorikeet only reads weights here
        int used = threads == 0 ? Runtime.getRuntime().availableProcessors() : threads;
        System.setProperty("ai.djl.pytorch.num_threads", "" + used);
        manager = NDManager.newBaseManager(Device.cpu(), "PyTorch");

        var work = Workload.parse(workload);
        int computing = type.equals("bf16") ? TorchScript.BFLOAT16 : TorchScript.FLOAT;
        try (var device = Devices.open("cpu", Precision.STRICT, threads);
                var decoder = work.folder().load(device, DType.F32, Dropouts.NONE)) {
            decoder.parameters().forEach((name, tensor) -> weights.add(array(tensor, name.contains(".c_"), "weights")));
            var adapter = Methods.of(method).attach(decoder, StepBenchmark.SEED);
            if (!method.equals(Methods.FULL)) {
                adapter.parameters().values().forEach(tensor -> lora.add(array(tensor, false, "lora")));
            }
            var shape = decoder.shape();
            loss = TorchScript.loss(shape, computing, branches(adapter, shape.layers()));
            adamw = TorchScript.adamw(StepBenchmark.RATE, StepBenchmark.DECAY);
            var batch = work.batch(shape.vocabulary());
            var tokens = Arrays.stream(batch.sequences().ids()).mapToLong(id -> id).toArray();
            ids = manager.create(tokens, new Shape(work.sequences(), work.length()));
            labels = ids.get(":,1:").reshape(-1);
        }
        trained = lora.isEmpty() ? weights : lora;
        if (trained == lora) { // the first call converts and keeps the frozen weights
            call(loss, inputs(weights, lora), true).close(); // as in training: what inference makes cannot take part in backward
            if (computing == TorchScript.BFLOAT16) {
                var converted = weights.subList(1, weights.size()); // an argument of no array would be none
                converted.forEach(NDArray::close);
                converted.clear();
            }
        }
        Watch.start(null);
        Watch.say("trainable", trained.stream().mapToLong(NDArray::size).sum());
        for (var value : trained) {
            means.add(named(value.zerosLike(), "means"));
            variances.add(named(value.zerosLike(), "variances"));
            counts.add(named(manager.zeros(new Shape()), "steps"));
        }
    }

    private static int branches(Adapter adapter, int layers) {
        return adapter.changesBase() ? 0 : adapter.parameters().size() / 2 / layers;
    }

    /** A copy; DJL makes one list of arrays that bear the same name with brackets. */
    private NDArray array(Tensor tensor, boolean transpose, String list) {
        var dims = tensor.shape();
        var values = tensor.toArray();
        if (transpose && dims.rank() == 2) {
            return named(manager.create(transpose(values, dims.dim(0), dims.dim(1)),
                    new Shape(dims.dim(1), dims.dim(0))), list);
        }
        var extents = new long[dims.rank()];
        Arrays.setAll(extents, dims::dim);
        return named(manager.create(values, new Shape(extents)), list);
    }

    private static NDArray named(NDArray array, String list) {
        array.setName(list + "[]");
        return array;
    }

    private static float[] transpose(float[] x, int rows, int columns) {
        var y = new float[x.length];
        for (int r = 0; r < rows; r++) {
            for (int c = 0; c < columns; c++) {
                y[c * rows + r] = x[r * columns + c];
            }
        }
        return y;
    }

    private NDList inputs(NDList weights, NDList lora) {
        var all = new NDList(ids, labels);
        all.addAll(weights);
        all.addAll(lora);
        return all;
    }

    /** The same memory under a new name in the graph, without the gradient of the step before, which would be added to. */
    private static NDArray leaf(NDArray parameter) {
        var leaf = parameter.stopGradient();
        leaf.setName(parameter.getName());
        leaf.setRequiresGradient(true);
        return leaf;
    }

    private NDArray call(Model model, NDList inputs, boolean training) {
        return model.getBlock().forward(new ParameterStore(manager, false), inputs, training).singletonOrThrow();
    }

    @Benchmark
    public void step() {
        float value;
        var leaves = new NDList();
        trained.forEach(parameter -> leaves.add(leaf(parameter)));
        var inputs = trained == lora ? inputs(weights, leaves) : inputs(leaves, lora);
        try (var gradients = Engine.getEngine("PyTorch").newGradientCollector();
                var result = call(loss, inputs, true)) {
            gradients.backward(result);
            value = result.toFloatArray()[0];
        }
        var update = new NDList();
        update.addAll(trained);
        var gradients = new NDList();
        leaves.forEach(leaf -> gradients.add(named(leaf.getGradient(), "gradients")));
        update.addAll(gradients);
        update.addAll(means);
        update.addAll(variances);
        update.addAll(counts);
        call(adamw, update, false).close();
        gradients.close();
        leaves.close();
        Watch.say(steps == 0 ? "first loss" : "last loss", value);
        steps++;
    }

    @TearDown
    public void close() {
        loss.close();
        adamw.close();
        manager.close();
    }
}
