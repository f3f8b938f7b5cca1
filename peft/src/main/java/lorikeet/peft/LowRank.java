package lorikeet.peft;

import java.util.Arrays;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;
import org.ejml.dense.row.SingularOps_DDRM;
import org.ejml.dense.row.factory.DecompositionFactory_DDRM;

/**
 * The best approximation of a matrix by one of low rank: U Σ Vᵀ with the largest singular values (Eckart and Young 1936).
 *
 * @param u      [rows, rank]
 * @param values Σ, the largest first
 * @param vT     [rank, columns]
 */
public record LowRank(DMatrixRMaj u, double[] values, DMatrixRMaj vT) {

    /** @throws IllegalArgumentException if a matrix of this shape has no part of this rank */
    static void requirePart(int rows, int columns, int rank) {
        if (rank > Math.min(rows, columns)) {
            throw new IllegalArgumentException(
                    "a matrix of " + rows + " × " + columns + " has no part of rank " + rank);
        }
    }

    /** The part of {@code matrix}, which this changes, that has the {@code rank} largest singular values. */
    public static LowRank of(DMatrixRMaj matrix, int rank) {
        requirePart(matrix.numRows, matrix.numCols, rank);
        var svd = DecompositionFactory_DDRM.svd(matrix.numRows, matrix.numCols, true, true, true);
        if (!svd.decompose(matrix)) {
            throw new ArithmeticException("the singular value decomposition does not converge");
        }
        var u = svd.getU(null, false);
        var vT = svd.getV(null, true);
        var values = svd.getSingularValues();
        SingularOps_DDRM.descendingOrder(u, false, values, values.length, vT, true);
        return new LowRank(CommonOps_DDRM.extract(u, 0, u.numRows, 0, rank), Arrays.copyOf(values, rank),
                CommonOps_DDRM.extract(vT, 0, rank, 0, vT.numCols));
    }

    /** The same of {@code left · right}, thin matrices whose product is never made. */
    public static LowRank ofProduct(DMatrixRMaj left, DMatrixRMaj right, int rank) {
        var first = DecompositionFactory_DDRM.qr(left.numRows, left.numCols);
        var second = DecompositionFactory_DDRM.qr(right.numCols, right.numRows);
        first.decompose(left.copy());
        second.decompose(CommonOps_DDRM.transpose(right, null));
        // left · right = Q₁ (R₁ R₂ᵀ) Q₂ᵀ, and only the small matrix in the middle is taken apart
        var middle = CommonOps_DDRM.multTransB(first.getR(null, true), second.getR(null, true), null);
        var inner = of(middle, rank);
        return new LowRank(CommonOps_DDRM.mult(first.getQ(null, true), inner.u, null), inner.values,
                CommonOps_DDRM.multTransB(inner.vT, second.getQ(null, true), null));
    }

    /** U Σ^power, row by row. */
    float[] left(double power) {
        int rank = values.length;
        var left = new float[u.numRows * rank];
        for (int row = 0; row < u.numRows; row++) {
            for (int r = 0; r < rank; r++) {
                left[row * rank + r] = (float) (u.get(row, r) * Math.pow(values[r], power));
            }
        }
        return left;
    }

    /** Σ^power Vᵀ, row by row. */
    float[] right(double power) {
        int rank = values.length;
        var right = new float[rank * vT.numCols];
        for (int r = 0; r < rank; r++) {
            for (int column = 0; column < vT.numCols; column++) {
                right[r * vT.numCols + column] = (float) (vT.get(r, column) * Math.pow(values[r], power));
            }
        }
        return right;
    }
}
