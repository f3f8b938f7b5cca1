package lorikeet.kernels.cuda;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import lorikeet.kernels.Buffer;

/**
 * The list of tensors that an optimizer kernel works through, as {@code struct Tensor} in optimizer.cu has it. Numbers are
 * counted in chunks from tensor to tensor.
 */
final class TensorTable {
    private static final int CHUNK = 4096;
    private static final int BYTES = 56;

    private final MemorySegment rows;
    private int count;
    private int chunks;

    TensorTable(int most) {
        rows = MemorySegment.ofArray(new long[Math.multiplyExact(most, BYTES / Long.BYTES)]);
    }

    /** Adds a tensor; {@code mean} and {@code variance} are 0 where the kernel does not use them. */
    void add(long value, long gradient, long mean, long variance, long size, float rate, float keep) {
        if (size == 0) {
            return;
        }
        var row = rows.asSlice((long) count * BYTES, BYTES);
        row.set(ValueLayout.JAVA_LONG, 0, value);
        row.set(ValueLayout.JAVA_LONG, 8, gradient);
        row.set(ValueLayout.JAVA_LONG, 16, mean);
        row.set(ValueLayout.JAVA_LONG, 24, variance);
        row.set(ValueLayout.JAVA_LONG, 32, size);
        row.set(ValueLayout.JAVA_INT, 40, chunks);
        row.set(ValueLayout.JAVA_FLOAT, 44, rate);
        row.set(ValueLayout.JAVA_FLOAT, 48, keep);
        count++;
        chunks = Math.toIntExact(chunks + Math.ceilDiv(size, CHUNK));
    }

    int count() {
        return count;
    }

    int chunks() {
        return chunks;
    }

    /** Size of the table in 32-bit words. */
    int words() {
        return count * BYTES / 4;
    }

    void upload(Gpu gpu, Buffer target) {
        gpu.upload(target.address(), rows.asSlice(0, target.bytes()));
    }
}
