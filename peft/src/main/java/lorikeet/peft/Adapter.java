package lorikeet.peft;

import java.util.Map;
import lorikeet.engine.Shape;
import lorikeet.engine.Tensor;

/** A method attached to a decoder: what is trained, and the way back. It is plugged in at first. */
public interface Adapter {

    Method method();

    /** The trainable parameters by the names under which adapter files know them. */
    Map<String, Tensor> parameters();

    /** Lets the adapter take part in what the decoder computes, again. */
    void plug();

    /** Takes it out, but keeps its parameters. The base is what it was without it, bit for bit. */
    void unplug();

    /** Takes everything out again and frees it. The base is what it was before, bit for bit. */
    void detach();

    /** Whether, while it is plugged in, it has changed numbers of the base itself. */
    default boolean changesBase() {
        return false;
    }

    /** The shape that the parameter called {@code name} has in files. */
    default Shape storedShape(String name) {
        return parameters().get(name).shape();
    }

    /** What is written into files; it computes the same. */
    default Stored stored() {
        return Stored.of(this);
    }

    /** Number of trainable numbers. */
    default long size() {
        return parameters().values().stream().mapToLong(Tensor::size).sum();
    }
}
