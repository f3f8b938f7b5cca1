package lorikeet.engine;

import java.util.Arrays;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import lorikeet.kernels.Buffer;
import lorikeet.kernels.DType;

/**
 * Computing with open eyes: every result and every gradient is looked at as it comes, up to the first that holds a number
 * that is not finite. Each look waits for the device, so this is for work of which one knows that something is wrong with it.
 */
public final class AnomalySearch {
    private static final ScopedValue<AnomalySearch> CURRENT = ScopedValue.newInstance();
    private static final StackWalker STACK = StackWalker.getInstance(StackWalker.Option.RETAIN_CLASS_REFERENCE);
    /** Numbers looked at together. */
    private static final long CHUNK = 1 << 22;

    private final Map<Tensor, String> names = new HashMap<>();
    private final Map<Gradient, String> places = new IdentityHashMap<>();
    private String layer = "";

    private AnomalySearch(Map<String, Tensor> parameters) {
        parameters.forEach((name, parameter) -> names.put(parameter, name));
    }

    /**
     * Does {@code work}, forward and backward.
     *
     * @param parameters by the names that tell layers apart
     * @throws ArithmeticException at the first number that is not finite: the operation, the layer and the tensor
     */
    public static void run(Map<String, Tensor> parameters, Runnable work) {
        ScopedValue.where(CURRENT, new AnomalySearch(parameters)).run(work);
    }

    static boolean isOn() {
        return CURRENT.isBound();
    }

    /** Looks at the result of an operation, if anybody searches. */
    static void result(Tensor y, Gradient... rules) {
        if (isOn()) {
            CURRENT.get().lookAtResult(y, rules);
        }
    }

    /** Looks at the gradients that a rule has just made, if anybody searches. */
    static void gradients(Gradient rule) {
        if (isOn()) {
            CURRENT.get().lookAtGradients(rule);
        }
    }

    private void lookAtResult(Tensor y, Gradient... rules) {
        var inputs = Arrays.stream(rules).flatMap(rule -> Arrays.stream(rule.inputs())).toList();
        var own = inputs.stream().map(names::get).filter(Objects::nonNull).findFirst();
        layer = own.map(AnomalySearch::layerOf).orElse(layer);
        var place = operation() + (layer.isEmpty() ? "" : (own.isPresent() ? " at " : " behind ") + layer);
        for (var rule : rules) {
            places.put(rule, place);
        }
        long found = notFinite(y.data());
        if (found > 0) {
            throw new ArithmeticException(
                    "forward, " + place + ": " + count(found, y) + " of its result" + causes(inputs));
        }
    }

    private void lookAtGradients(Gradient rule) {
        for (var input : rule.inputs()) {
            long found = input.gradient() == null ? 0 : notFinite(input.gradient());
            if (found > 0) {
                throw new ArithmeticException("backward, " + places.getOrDefault(rule, "a block computed again") + ": "
                        + count(found, input) + " of the gradient of " + names.getOrDefault(input, "its input"));
            }
        }
    }

    /** The inputs that were bad already. */
    private String causes(List<Tensor> inputs) {
        var causes = new StringBuilder();
        for (var input : inputs) {
            long found = notFinite(input.data());
            if (found > 0) {
                causes.append("; so were ").append(count(found, input)).append(" of ")
                        .append(names.getOrDefault(input, "an input"));
            }
        }
        return causes.toString();
    }

    private static String count(long found, Tensor of) {
        return "%,d of the %,d numbers %s".formatted(found, of.size(), of.shape());
    }

    /** The method that has called {@link Tensor#derive}. */
    private static String operation() {
        return STACK.walk(frames -> frames
                .filter(frame -> frame.getDeclaringClass() != AnomalySearch.class
                        && frame.getDeclaringClass() != Tensor.class)
                .findFirst().map(frame -> frame.getDeclaringClass().getSimpleName() + "." + frame.getMethodName())
                .orElseThrow());
    }

    /** {@code h.3.mlp.c_fc} of {@code h.3.mlp.c_fc.weight}. */
    private static String layerOf(String parameter) {
        return parameter.substring(0, Math.max(0, parameter.lastIndexOf('.')));
    }

    private static long notFinite(Buffer numbers) {
        if (numbers.dtype() == DType.I32) {
            return 0;
        }
        long found = 0;
        for (long from = 0; from < numbers.size(); from += CHUNK) {
            var chunk = numbers.slice(from, Math.min(CHUNK, numbers.size() - from));
            for (float number : numbers.device().downloadFloats(chunk)) {
                found += Float.isFinite(number) ? 0 : 1;
            }
        }
        return found;
    }
}
