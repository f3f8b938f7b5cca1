package lorikeet.peft;

import java.util.Map;
import lorikeet.engine.Tensor;

/** A method attached to a decoder: what is trained, and the way back. */
public interface Adapter {

    Method method();

    /** The trainable parameters by the names under which adapter files know them. */
    Map<String, Tensor> parameters();

    /** Takes everything out again and frees it. The base is what it was before, bit for bit. */
    void detach();

    /** Number of trainable numbers. */
    default long size() {
        return parameters().values().stream().mapToLong(Tensor::size).sum();
    }
}
