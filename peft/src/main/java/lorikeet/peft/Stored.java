package lorikeet.peft;

import java.util.LinkedHashMap;
import java.util.Map;
import lorikeet.engine.Shape;

/**
 * An adapter as its files hold it. Usually that is what is trained, but some methods are stored in the form of another that
 * computes the same.
 *
 * @param method  what the configuration describes
 * @param tensors by their names without what Hugging Face puts in front
 */
public record Stored(Method method, Map<String, Values> tensors) {

    /** Numbers and their shape. */
    public record Values(Shape shape, float[] numbers) {}

    /** All parameters as they are. */
    static Stored of(Adapter adapter) {
        var tensors = new LinkedHashMap<String, Values>();
        adapter.parameters().forEach(
                (name, tensor) -> tensors.put(name, new Values(adapter.storedShape(name), tensor.toArray())));
        return new Stored(adapter.method(), tensors);
    }
}
