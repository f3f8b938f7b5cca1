package lorikeet.peft.explain;

import java.util.stream.DoubleStream;
import lorikeet.peft.LowRank;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;
import org.ejml.dense.row.NormOps_DDRM;
import org.ejml.dense.row.SingularOps_DDRM;

/**
 * How much of W lies in the directions of ΔW = U Σ Vᵀ, and how much ΔW adds to that (Hu et al. 2021, section 7.3).
 *
 * @param directions r: only the r largest singular values of ΔW are looked at
 * @param ofChange   ‖Uᵀ W V‖, Frobenius norm: what of W lies in the directions of ΔW
 * @param ofWeight   the same for the r first singular directions of W itself: the most that can be
 * @param ofRandom   the same for random directions, root mean square: r ‖W‖ / √(in · out)
 * @param factor     ‖ΔW‖ in these directions / ofChange: how many times what W has there the adapter adds
 */
record Amplification(int directions, double ofChange, double ofWeight, double ofRandom, double factor) {

    /**
     * @param weight     W, [in, out]
     * @param change     ΔW
     * @param directions at most as many as {@code change} has
     */
    static Amplification of(DMatrixRMaj weight, LowRank change, int directions) {
        var u = CommonOps_DDRM.extract(change.u(), 0, weight.numRows, 0, directions);
        var vT = CommonOps_DDRM.extract(change.vT(), 0, directions, 0, weight.numCols);
        var left = CommonOps_DDRM.multTransA(u, weight, null); // [r, out]
        double ofChange = NormOps_DDRM.normF(CommonOps_DDRM.multTransB(left, vT, null));
        double ofWeight = norm(SingularOps_DDRM.singularValues(weight.copy()), directions);
        double ofRandom =
                directions * NormOps_DDRM.normF(weight) / Math.sqrt((double) weight.numRows * weight.numCols);
        return new Amplification(directions, ofChange, ofWeight, ofRandom,
                norm(change.values(), directions) / ofChange);
    }

    /** Of the first {@code count} values. */
    private static double norm(double[] values, int count) {
        return Math.sqrt(DoubleStream.of(values).limit(count).map(value -> value * value).sum());
    }
}
