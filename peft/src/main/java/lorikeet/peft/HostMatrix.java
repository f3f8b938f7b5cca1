package lorikeet.peft;

import org.ejml.data.DMatrixRMaj;

/** Matrices for linear algebra on the host, in double precision. */
public final class HostMatrix {
    private HostMatrix() {}

    /** @param numbers row by row */
    public static DMatrixRMaj of(float[] numbers, int rows, int columns) {
        var matrix = new DMatrixRMaj(rows, columns);
        for (int i = 0; i < numbers.length; i++) {
            matrix.data[i] = numbers[i];
        }
        return matrix;
    }
}
