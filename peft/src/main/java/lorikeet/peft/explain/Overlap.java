package lorikeet.peft.explain;

import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;

/**
 * How far two subspaces are the same (Hu et al. 2021, section 7.2):
 *
 * <pre>φ(i, j) = ‖U_iᵀ U'_j‖² / min(i, j)</pre>
 *
 * for the first i directions of one and the first j of the other. It is 1 where the smaller lies inside the larger and 0
 * where they are orthogonal; for random directions in d dimensions its mean is max(i, j) / d.
 *
 * @param phi    φ(i, j) at [i − 1][j − 1]
 * @param random its mean for as many random directions as there are on each side
 */
record Overlap(double[][] phi, double random) {

    /**
     * @param first  directions as orthonormal columns, the most important first, [d, i]
     * @param second likewise, [d, j]
     */
    static Overlap of(DMatrixRMaj first, DMatrixRMaj second) {
        var products = CommonOps_DDRM.multTransA(first, second, null);
        int rows = products.numRows;
        int columns = products.numCols;
        var sums = new double[rows + 1][columns + 1];
        var phi = new double[rows][columns];
        for (int i = 1; i <= rows; i++) {
            for (int j = 1; j <= columns; j++) {
                double product = products.get(i - 1, j - 1);
                sums[i][j] = sums[i - 1][j] + sums[i][j - 1] - sums[i - 1][j - 1] + product * product;
                phi[i - 1][j - 1] = sums[i][j] / Math.min(i, j);
            }
        }
        return new Overlap(phi, (double) Math.max(rows, columns) / first.numRows);
    }

    /** The first direction of each. */
    double first() {
        return phi[0][0];
    }

    /** The first direction of the side with fewer among all of the other. */
    double firstInAll() {
        return phi.length <= phi[0].length ? phi[0][phi[0].length - 1] : phi[phi.length - 1][0];
    }

    /** All of each. */
    double all() {
        return phi[phi.length - 1][phi[0].length - 1];
    }
}
