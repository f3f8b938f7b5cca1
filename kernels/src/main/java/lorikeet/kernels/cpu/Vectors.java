package lorikeet.kernels.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/**
 * Loads and stores at raw addresses. {@code i} counts elements from {@code base}. Every allocation of the device has room
 * for one more vector behind its end, since masked access may be whole access underneath.
 */
final class Vectors {
    static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
    static final VectorSpecies<Integer> I = F.withLanes(int.class);
    /** As many 16-bit lanes as F has 32-bit ones. */
    static final VectorSpecies<Short> H =
            VectorSpecies.of(short.class, VectorShape.forBitSize(Math.max(64, F.vectorBitSize() / 2)));
    static final int LANES = F.length();
    static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);
    static final ByteOrder ORDER = ByteOrder.nativeOrder();

    private Vectors() {}

    static FloatVector load(long base, long i) {
        return FloatVector.fromMemorySegment(F, ALL, base + (i << 2), ORDER);
    }

    static FloatVector load(long base, long i, VectorMask<Float> mask) {
        return FloatVector.fromMemorySegment(F, ALL, base + (i << 2), ORDER, mask);
    }

    static void store(long base, long i, FloatVector v) {
        v.intoMemorySegment(ALL, base + (i << 2), ORDER);
    }

    static void store(long base, long i, FloatVector v, VectorMask<Float> mask) {
        v.intoMemorySegment(ALL, base + (i << 2), ORDER, mask);
    }

    /** The mask of the last {@code count} elements of a run, at most LANES. */
    static VectorMask<Float> first(int count) {
        return F.indexInRange(0, count);
    }

    static float get(long base, long i) {
        return ALL.get(ValueLayout.JAVA_FLOAT_UNALIGNED, base + (i << 2));
    }

    static void set(long base, long i, float value) {
        ALL.set(ValueLayout.JAVA_FLOAT, base + (i << 2), value);
    }

    static int getInt(long base, long i) {
        return ALL.get(ValueLayout.JAVA_INT, base + (i << 2));
    }

    static FloatVector broadcast(long base, long i) {
        return FloatVector.broadcast(F, get(base, i));
    }

    private static final VectorShuffle<Float> BY_8 = rotation(8), BY_4 = rotation(4), BY_2 = rotation(2),
            BY_1 = rotation(1);

    private static VectorShuffle<Float> rotation(int lanes) {
        return VectorShuffle.fromOp(F, i -> (i + lanes) % LANES);
    }

    /**
     * The sum of all lanes, halves onto halves. {@code reduceLanes} leaves the order open, and the interpreter and the
     * compiler do choose different ones: results would change in the middle of a run.
     */
    static float sum(FloatVector v) {
        if (LANES > 8) {
            v = v.add(v.rearrange(BY_8));
        }
        if (LANES > 4) {
            v = v.add(v.rearrange(BY_4));
        }
        if (LANES > 2) {
            v = v.add(v.rearrange(BY_2));
        }
        return LANES > 1 ? v.add(v.rearrange(BY_1)).lane(0) : v.lane(0);
    }

    static void copyBytes(long target, long source, long bytes) {
        MemorySegment.copy(ALL, source, ALL, target, bytes);
    }

    static void storeBf16(long base, long i, FloatVector v) {
        ((ShortVector) bf16Bits(v).convertShape(VectorOperators.I2S, H, 0)).intoMemorySegment(ALL, base + (i << 1),
                ORDER);
    }

    static FloatVector roundToBf16(FloatVector v) {
        return bf16Bits(v).lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
    }

    /** float → the 16 bits of the nearest bf16, the even one of two; NaN stays NaN. */
    private static IntVector bf16Bits(FloatVector v) {
        var bits = v.reinterpretAsInts();
        var high = bits.lanewise(VectorOperators.LSHR, 16);
        var rounded = bits.add(high.and(1)).add(0x7fff).lanewise(VectorOperators.LSHR, 16);
        return rounded.blend(high.or(0x40), v.test(VectorOperators.IS_NAN).cast(I));
    }

    /** bf16 → float: the same bits with sixteen zeros behind. */
    static float getBf16(long base, long i) {
        return Float.intBitsToFloat(ALL.get(ValueLayout.JAVA_SHORT, base + (i << 1)) << 16);
    }

    static void setBf16(long base, long i, float value) {
        int bits = Float.floatToRawIntBits(value);
        int rounded = Float.isNaN(value) ? bits >>> 16 | 0x40 : bits + 0x7fff + (bits >>> 16 & 1) >>> 16;
        ALL.set(ValueLayout.JAVA_SHORT, base + (i << 1), (short) rounded);
    }
}
