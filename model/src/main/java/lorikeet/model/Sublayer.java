package lorikeet.model;

import java.util.ArrayList;
import java.util.List;
import lorikeet.engine.Tensor;

/** The socket on the output of attention and of the MLP, before the residual connection: series and parallel adapters. */
public final class Sublayer {
    private final List<Adapter> adapters = new ArrayList<>();

    /** What can be plugged in on the output of a sublayer. */
    public interface Adapter {
        /**
         * @param output [tokens, width], what the sublayer or the adapter before has made
         * @param input  [tokens, width], what the sublayer was given, after its layer norm
         */
        Tensor output(Tensor output, Tensor input, Pass pass);
    }

    public void plug(Adapter adapter) {
        adapters.add(adapter);
    }

    public void unplug(Adapter adapter) {
        adapters.remove(adapter);
    }

    /** What is plugged in now, in the order in which it works. */
    public List<Adapter> plugged() {
        return List.copyOf(adapters);
    }

    Tensor apply(Tensor output, Tensor input, Pass pass) {
        for (var adapter : adapters) {
            output = adapter.output(output, input, pass);
        }
        return output;
    }
}
