package lorikeet.kernels;

/** The kinds of number that a buffer can hold on a device. */
public enum DType {
    /** IEEE 754 single precision. */
    F32(4),
    /** Brain float: the upper half of an F32, rounded to nearest even. */
    BF16(2),
    /** Signed 32-bit integer: token ids, positions, offsets. */
    I32(4);

    private final int bytes;

    DType(int bytes) {
        this.bytes = bytes;
    }

    /** Bytes per element. */
    public int bytes() {
        return bytes;
    }
}
