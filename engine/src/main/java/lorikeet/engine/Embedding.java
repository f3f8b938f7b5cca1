package lorikeet.engine;

import java.util.Arrays;
import java.util.stream.IntStream;
import lorikeet.kernels.Matrix;

/** Looking up rows of a table by number. */
public final class Embedding {
    private Embedding() {}

    /**
     * y[r] = table[ids[r]].
     *
     * @param table [entries, columns], F32 or, when frozen, BF16
     * @return [ids.length, columns]
     */
    public static Tensor lookup(Tensor table, int[] ids) {
        var device = table.device();
        int entries = table.shape().dim(0);
        int columns = table.shape().dim(1);
        for (int id : ids) {
            if (id < 0 || id >= entries) {
                throw new IllegalArgumentException("id " + id + " is outside the table of " + entries + " entries");
            }
        }
        var rows = Tensor.ofInts(device, ids);
        var y = table.result(Shape.of(ids.length, columns));
        device.gather(y.matrix(), table.matrix(), rows.data());
        return y.derive(Gradient.of(table, (dtable, dy, add) -> {
            if (!add) {
                device.fill(dtable, 0);
            }
            try (var _ = device.memory().scope()) {
                int[] order = sorted(ids);
                device.gatherBackward(Matrix.of(dtable, entries, columns), Matrix.of(dy, ids.length, columns),
                        rows.data(), Tensor.ofInts(device, order).data(),
                        Tensor.ofInts(device, runs(ids, order)).data());
            }
        }, rows));
    }

    /** Row numbers sorted by their id; rows of equal id stay in order. */
    private static int[] sorted(int[] ids) {
        return IntStream.range(0, ids.length)
                .mapToLong(row -> (long) ids[row] << 32 | row)
                .sorted()
                .mapToInt(key -> (int) key)
                .toArray();
    }

    /** Where in {@code order} each run of equal ids starts, and the end of the last. */
    private static int[] runs(int[] ids, int[] order) {
        var starts = new int[order.length + 1];
        int count = 0;
        for (int i = 0; i < order.length; i++) {
            if (i == 0 || ids[order[i]] != ids[order[i - 1]]) {
                starts[count++] = i;
            }
        }
        starts[count++] = order.length;
        return Arrays.copyOf(starts, count);
    }
}
