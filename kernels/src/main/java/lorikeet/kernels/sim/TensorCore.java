package lorikeet.kernels.sim;

import java.util.List;

/**
 * {@code mma.sync.m16n8k8}: the lanes of a warp together multiply a matrix [16, 8] by one [8, 8] of TF32 and add the product to
 * one [16, 8] of F32. Sums are more exact than the hardware's, whose order and rounding NVIDIA does not tell.
 */
final class TensorCore extends Instruction {
    private static final int ROWS = 16, COLUMNS = 8, DEPTH = 8;
    /** The bits of an operand that the hardware looks at. */
    private static final int TF32 = 0xFFFFE000;

    private final int[] target;
    private final int[] a;
    private final int[] b;
    private final int[] c;

    private TensorCore(Decoder in) {
        for (var part : List.of("sync", "aligned", "m16n8k8", "row", "col", "f32", "tf32", "tf32", "f32")) {
            if (!in.take(part)) {
                throw in.error("expected mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32");
            }
        }
        in.expectOperands(4);
        target = members(in, 0, 4).stream().mapToInt(d -> in.target(d, Type.F32, false)).toArray();
        a = members(in, 1, 4).stream().mapToInt(x -> in.source(x, Type.B32, false)).toArray();
        b = members(in, 2, 2).stream().mapToInt(x -> in.source(x, Type.B32, false)).toArray();
        c = members(in, 3, 4).stream().mapToInt(x -> in.source(x, Type.F32, false)).toArray();
    }

    static Instruction decode(Decoder in) {
        return new TensorCore(in);
    }

    private static List<Ptx.Operand> members(Decoder in, int operand, int count) {
        if (in.operand(operand) instanceof Ptx.Group group && group.members().size() == count) {
            return group.members();
        }
        throw in.error("expected " + count + " registers in braces as operand " + (operand + 1));
    }

    @Override
    void execute(Warp warp, int lanes) {
        if (!warp.together(lanes, 0xFFFFFFFFL)) {
            return;
        }
        var first = new double[ROWS][DEPTH];
        var second = new double[DEPTH][COLUMNS];
        for (int l = 0; l < 32; l++) {
            int g = l / 4, q = l % 4;
            for (int i = 0; i < a.length; i++) {
                first[g + 8 * (i % 2)][q + 4 * (i / 2)] = operand(warp.words[a[i] + l]);
            }
            for (int i = 0; i < b.length; i++) {
                second[q + 4 * i][g] = operand(warp.words[b[i] + l]);
            }
        }
        var results = new int[c.length * 32];
        for (int l = 0; l < 32; l++) {
            for (int i = 0; i < c.length; i++) {
                int row = l / 4 + 8 * (i / 2), column = 2 * (l % 4) + i % 2;
                double sum = Float.intBitsToFloat(warp.words[c[i] + l]);
                for (int k = 0; k < DEPTH; k++) {
                    sum += first[row][k] * second[k][column];
                }
                results[32 * i + l] = Float32.bits((float) sum);
            }
        }
        for (int i = 0; i < target.length; i++) {
            System.arraycopy(results, 32 * i, warp.words, target[i], 32);
        }
    }

    private static double operand(int bits) {
        return Float.intBitsToFloat(bits & TF32);
    }
}
