package lorikeet.peft;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;
import lorikeet.engine.Shape;
import lorikeet.engine.Tensor;
import lorikeet.model.Decoder;
import lorikeet.model.ModelShape;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** An adapter of a method in the weights: some branches and their parameters. */
final class BranchAdapter implements Mergeable {
    private static final Logger LOG = LoggerFactory.getLogger(BranchAdapter.class);

    private final Method method;
    private final Decoder decoder;
    private final Map<String, Tensor> parameters = new LinkedHashMap<>();
    private final Map<String, Shape> storedShapes = new LinkedHashMap<>();
    private final List<Tensor> own = new ArrayList<>();
    private final List<WeightBranch> branches = new ArrayList<>();
    private final Function<BranchAdapter, Stored> storing;
    private boolean plugged;
    private boolean merged;

    private BranchAdapter(Method method, Decoder decoder, Function<BranchAdapter, Stored> storing) {
        this.method = method;
        this.decoder = decoder;
        this.storing = storing;
    }

    /**
     * Makes an adapter and plugs it in; if that fails, nothing is left of it.
     *
     * @param build   gives the adapter its parameters and branches
     * @param storing what its files hold
     */
    static BranchAdapter attach(Method method, Decoder decoder, Consumer<BranchAdapter> build,
            Function<BranchAdapter, Stored> storing) {
        return decoder.device().memory().allOrNothing(() -> {
            var adapter = new BranchAdapter(method, decoder, storing);
            try {
                build.accept(adapter);
                decoder.freeze();
                adapter.plug();
                return adapter;
            } catch (RuntimeException | Error e) {
                adapter.detach();
                throw e;
            }
        });
    }

    /** Takes over a new parameter. */
    Tensor own(String name, Tensor parameter) {
        return own(name, parameter, parameter.shape());
    }

    Tensor own(String name, Tensor parameter, Shape storedShape) {
        own.add(parameter);
        parameters.put(name, parameter);
        storedShapes.put(name, storedShape);
        return parameter;
    }

    /** Counts a parameter of the base among those that are trained. */
    void borrow(String name, Tensor parameter) {
        parameters.put(name, parameter);
        storedShapes.put(name, parameter.shape());
    }

    void add(WeightBranch branch) {
        branches.add(branch);
    }

    List<WeightBranch> branches() {
        return branches;
    }

    /** Of the decoder beside whose weights this is. */
    ModelShape shape() {
        return decoder.shape();
    }

    @Override
    public Method method() {
        return method;
    }

    @Override
    public Map<String, Tensor> parameters() {
        return Collections.unmodifiableMap(parameters);
    }

    @Override
    public Shape storedShape(String name) {
        return storedShapes.get(name);
    }

    @Override
    public Stored stored() {
        return storing.apply(this);
    }

    @Override
    public boolean changesBase() {
        return merged || branches.stream().anyMatch(WeightBranch::changesBase);
    }

    @Override
    public void plug() {
        if (!plugged && !merged) {
            plugged = true;
            branches.forEach(WeightBranch::plug);
        }
    }

    @Override
    public void unplug() {
        unmerge();
        if (plugged) {
            branches.forEach(WeightBranch::unplug);
            plugged = false;
        }
    }

    @Override
    public void merge() {
        if (!merged) {
            Finite.require(parameters);
            plug();
            var probe = Probe.hasBf16(decoder) ? Probe.of(decoder) : null;
            unplug();
            merged = true;
            try {
                branches.forEach(branch -> branch.merge(decoder.changes(), this));
            } catch (RuntimeException | Error e) {
                unmerge();
                throw e;
            }
            if (probe != null) {
                LOG.info("merged into weights in bf16: {}", probe.moved());
            }
        }
    }

    @Override
    public void unmerge() {
        if (merged) {
            merged = false;
            decoder.changes().undo(this);
            plug();
        }
    }

    @Override
    public boolean merged() {
        return merged;
    }

    @Override
    public void detach() {
        unplug();
        own.forEach(Tensor::free);
        own.clear();
    }
}
