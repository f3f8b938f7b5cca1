package lorikeet.test.reference;

import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** Parameters by name, as leaves of one computation. */
final class Parameters {
    private final Map<String, double[]> arrays;
    private final Set<String> trainable;
    private final Map<String, Value> leaves = new HashMap<>();

    Parameters(Map<String, double[]> arrays, Set<String> trainable) {
        this.arrays = arrays;
        this.trainable = trainable;
    }

    boolean has(String name) {
        return arrays.containsKey(name);
    }

    /** Number of elements. */
    int size(String name) {
        return arrays.get(name).length;
    }

    /** The parameter as a matrix of {@code columns} columns. */
    Value matrix(String name, int columns) {
        var array = arrays.get(name);
        if (array == null) {
            throw new IllegalArgumentException("no parameter " + name);
        }
        var leaf = leaves.computeIfAbsent(name,
                _ -> Value.leaf(array.length / columns, columns, array, trainable.contains(name)));
        if (leaf.columns != columns) {
            throw new IllegalArgumentException(name + " with " + columns + " columns and with " + leaf.columns);
        }
        return leaf;
    }

    /** The parameter as a single row. */
    Value row(String name) {
        return matrix(name, size(name));
    }

    /** PyTorch's linear layer, weight [out, in] and a bias where there is one. */
    Value linear(String name, Value x) {
        var product = x.matmul(matrix(name + ".weight", x.columns).transpose());
        return has(name + ".bias") ? product.plus(row(name + ".bias").like(product)) : product;
    }

    /** The gradients that backward has left; zeros for a trainable parameter that took no part. */
    Map<String, double[]> gradients() {
        var gradients = new TreeMap<String, double[]>();
        for (var name : trainable) {
            gradients.put(name, leaves.containsKey(name) ? leaves.get(name).gradient : new double[size(name)]);
        }
        return gradients;
    }
}
