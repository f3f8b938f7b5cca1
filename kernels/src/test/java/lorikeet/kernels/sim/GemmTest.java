package lorikeet.kernels.sim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.MemorySegment;
import java.util.Random;
import lorikeet.kernels.DType;
import lorikeet.kernels.cuda.Gpu.Operand;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Matrix products as cuBLAS would compute and refuse them. */
class GemmTest {
    private final Simulation sim = new Simulation(Simulation.EXACT);

    @AfterEach
    void close() {
        sim.close();
    }

    @ParameterizedTest
    @CsvSource({"3, 4, 5, false, false, 1, F32", "3, 4, 5, true, false, 1, F32", "3, 4, 5, false, true, 2, F32",
        "17, 1, 33, true, true, 3, F32", "1, 19, 2, false, false, 1, BF16", "8, 8, 8, true, false, 2, BF16"})
    void multiplies(int m, int n, int k, boolean transposeA, boolean transposeB, int batch, DType dtype) {
        var random = new Random(5);
        int leadingA = (transposeA ? k : m) + 2, leadingB = (transposeB ? n : k) + 1, leadingC = m + 3;
        int strideA = leadingA * (transposeA ? m : k), strideB = leadingB * (transposeB ? k : n),
                strideC = leadingC * n;
        float[] a = numbers(random, strideA * batch), b = numbers(random, strideB * batch),
                c = numbers(random, strideC * batch);
        long deviceC = sim.upload(c);
        sim.gpu.gemm(new Operand(upload(a, dtype), dtype, transposeA, leadingA, strideA),
                new Operand(upload(b, dtype), dtype, transposeB, leadingB, strideB),
                new Operand(deviceC, DType.F32, false, leadingC, strideC), m, n, k, 0.5f, true, batch,
                false);
        var result = sim.floats(deviceC, c.length);
        for (int i = 0; i < c.length; i++) {
            int matrix = i / strideC, column = i % strideC / leadingC, row = i % leadingC;
            double sum = 0;
            for (int j = 0; row < m && j < k; j++) {
                sum += (double) a[matrix * strideA + (transposeA ? row * leadingA + j : j * leadingA + row)]
                        * b[matrix * strideB + (transposeB ? j * leadingB + column : column * leadingB + j)];
            }
            assertThat((double) result[i]).isCloseTo(row < m ? 0.5 * sum + c[i] : c[i], within(1e-5));
        }
    }

    /** Small multiples of 1/8, which bf16 holds exactly. */
    private static float[] numbers(Random random, int count) {
        var numbers = new float[count];
        for (int i = 0; i < count; i++) {
            numbers[i] = (random.nextInt(33) - 16) / 8f;
        }
        return numbers;
    }

    private long upload(float[] numbers, DType dtype) {
        if (dtype == DType.F32) {
            return sim.upload(numbers);
        }
        var bits = new short[numbers.length];
        for (int i = 0; i < bits.length; i++) {
            bits[i] = (short) (Float.floatToRawIntBits(numbers[i]) >>> 16);
        }
        return sim.upload(MemorySegment.ofArray(bits));
    }

    @Test
    void withoutAddingTheOldResultDoesNotMatter() {
        long c = sim.gpu.allocate(4);
        sim.gpu.gemm(vector(sim.upload(2f)), vector(sim.upload(3f)), vector(c), 1, 1, 1, 1, false, 1, true);
        assertThat(sim.floats(c, 1)).containsExactly(6);
    }

    @Test
    void anEmptySumIsZero() {
        long c = sim.gpu.allocate(4);
        sim.gpu.gemm(vector(c), vector(c), vector(c), 1, 1, 0, 1, false, 1, false);
        assertThat(sim.floats(c, 1)).containsExactly(0);
    }

    private static Operand vector(long address) {
        return new Operand(address, DType.F32, false, 1, 0);
    }

    @Test
    void refusesWhatCublasRefuses() {
        long x = sim.gpu.allocate(400);
        refused("leading dimension of a is 3, must be at least 4", operand(x, false, 3), operand(x, false, 5),
                operand(x, false, 4));
        refused("leading dimension of a is 4, must be at least 5", operand(x, true, 4), operand(x, false, 5),
                operand(x, false, 4));
        refused("leading dimension of b is 4, must be at least 5", operand(x, false, 4), operand(x, false, 4),
                operand(x, false, 4));
        refused("leading dimension of b is 2, must be at least 3", operand(x, false, 4), operand(x, true, 2),
                operand(x, false, 4));
        refused("leading dimension of c is 3, must be at least 4", operand(x, false, 4), operand(x, false, 5),
                operand(x, false, 3));
        refused("not transposed", operand(x, false, 4), operand(x, false, 5), operand(x, true, 4));
        refused("not aligned", operand(x + 2, false, 4), operand(x, false, 5), operand(x, false, 4));
        refused("both must be F32 or both BF16", new Operand(x, DType.BF16, false, 4, 0), operand(x, false, 5),
                operand(x, false, 4));
        refused("the result must be F32", operand(x, false, 4), operand(x, false, 5),
                new Operand(x, DType.BF16, false, 4, 0));
        var fine = operand(x, false, 5);
        assertThatThrownBy(() -> sim.gpu.gemm(fine, fine, fine, 4, -1, 5, 1, false, 1, false))
                .hasMessageContaining("n -1");
        assertThatThrownBy(() -> sim.gpu.gemm(fine, fine, fine, 4, 3, 5, 1, false, 2, false))
                .hasMessageContaining("overlap");
    }

    /** Side by side in one matrix, as queries and keys out of one product, is apart; any number in common is not. */
    @Test
    void refusesOperandsThatAreOverwritten() {
        long x = sim.gpu.allocate(4 * 12 * 8);
        Operand left = operand(x, false, 12), right = operand(x + 4 * 4, false, 12), far = operand(x + 4 * 8, true, 12);
        multiply(left, far, right);
        multiply(far, right, left);
        overlaps("a", left, far, operand(x + 4 * 3, false, 12));
        overlaps("b", left, far, operand(x + 4 * 5, false, 12));
        overlaps("a", left, far, operand(x + 4 * 4, false, 11));
        overlaps("a", left, left, left);
    }

    private void multiply(Operand a, Operand b, Operand c) {
        sim.gpu.gemm(a, b, c, 4, 4, 4, 1, true, 1, false);
        sim.gpu.synchronise();
    }

    private void overlaps(String which, Operand a, Operand b, Operand c) {
        assertThatThrownBy(() -> multiply(a, b, c)).isInstanceOf(IllegalArgumentException.class)
                .hasMessage("gemm: " + which + " overlaps the result");
    }

    @Test
    void workspaceIsAlignedAndAllocated() {
        long x = sim.gpu.allocate(1024);
        sim.gpu.workspace(x + 256, 768);
        assertThatThrownBy(() -> sim.gpu.workspace(x + 128, 512)).hasMessageContaining("not aligned to 256 bytes");
        assertThatThrownBy(() -> sim.gpu.workspace(x + 256, 1024))
                .hasMessageContaining("workspace of 1024 bytes at byte 256 of an allocation of 1024 bytes");
    }

    private static Operand operand(long address, boolean transposed, int leading) {
        return new Operand(address, DType.F32, transposed, leading, 0);
    }

    private void refused(String why, Operand a, Operand b, Operand c) {
        assertThatThrownBy(() -> sim.gpu.gemm(a, b, c, 4, 3, 5, 1, false, 1, false))
                .isInstanceOf(IllegalArgumentException.class).hasMessageStartingWith("gemm: ")
                .hasMessageContaining(why);
    }

    @Test
    void staysWithinItsAllocations() {
        long small = sim.gpu.allocate(4 * 19);
        long large = sim.gpu.allocate(400);
        assertThatThrownBy(() -> {
            sim.gpu.gemm(operand(small, false, 4), operand(large, false, 5), operand(large + 200, false, 4), 4, 3, 5,
                    1, false, 1, false);
            sim.gpu.synchronise();
        }).hasMessageContaining("gemm: access of 80 bytes at byte 0 of an allocation of 76 bytes");
    }
}
