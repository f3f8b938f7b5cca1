package lorikeet.kernels.cpu;

import static lorikeet.kernels.cpu.Vectors.F;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Functions of one variable on whole vectors, accurate to a few units in the last place. Their constants are vectors made
 * once: made where they are used, the compiler would box some of them in every round of a loop.
 */
final class Functions {
    private static final float SQRT_2_OVER_PI = 0.7978845608f;
    private static final float GELU_CUBIC = 0.044715f;

    private static final FloatVector ZERO = all(0), HALF = all(0.5f), ONE = all(1), TWO = all(2);
    private static final FloatVector LOWEST = all(-87.33f), HIGHEST = all(89), LOG2_E = all(1.44269504f);
    /** 1.5 · 2²³: adding it to a float below 2²² rounds that to an integer, which then stands in the low bits. */
    private static final FloatVector ROUND = all(12582912f);
    private static final IntVector ROUND_BITS = ROUND.reinterpretAsInts(), BIAS = IntVector.broadcast(Vectors.I, 127);
    private static final FloatVector LN2_HIGH = all(-0.693359375f), LN2_LOW = all(2.12194440e-4f);
    /** Coefficients of the polynomials below, the highest power first. */
    private static final FloatVector EXP_7 = all(1.9875691500e-4f), EXP_6 = all(1.3981999507e-3f),
            EXP_5 = all(8.3334519073e-3f), EXP_4 = all(4.1665795894e-2f), EXP_3 = all(1.6666665459e-1f),
            EXP_2 = all(5.0000001201e-1f);
    private static final FloatVector TANH_11 = all(-5.70498872745e-3f), TANH_9 = all(2.06390887954e-2f),
            TANH_7 = all(-5.37397155531e-2f), TANH_5 = all(1.33314422036e-1f), TANH_3 = all(-3.33332819422e-1f),
            NEAR_ZERO = all(0.625f);
    private static final FloatVector ERFC_SCALE = all(0.21213203f), ERFC_8 = all(-0.12722908f),
            ERFC_7 = all(0.4747189f), ERFC_6 = all(-0.49048793f), ERFC_5 = all(0.52346843f),
            ERFC_4 = all(-0.078336686f), ERFC_3 = all(0.20814893f), ERFC_2 = all(0.15003347f),
            ERFC_1 = all(0.17048258f), ERFC_0 = all(0.16920142f);
    private static final FloatVector GELU_1 = all(2 * SQRT_2_OVER_PI), GELU_3 = all(2 * SQRT_2_OVER_PI * GELU_CUBIC),
            GELU_SLOPE_2 = all(6 * SQRT_2_OVER_PI * GELU_CUBIC);
    private static final FloatVector MINUS_HALF = all(-0.5f), ONE_OVER_SQRT_2_PI = all(0.3989422804f);

    private Functions() {}

    private static FloatVector all(float value) {
        return FloatVector.broadcast(F, value);
    }

    /**
     * eˣ as 2ⁿ eʳ with |r| ≤ ln 2 / 2 and the polynomial of Cephes' {@code expf} (Moshier 1992) for eʳ. 2ⁿ is multiplied
     * on in two halves, so that the largest results come out right and those above the range infinite. Results below the
     * normal range are 0: processors take a hundred times as long to compute a subnormal number, and each score that a
     * mask hides would be one.
     */
    static FloatVector exp(FloatVector x) {
        var vanishes = x.compare(VectorOperators.LT, LOWEST);
        x = x.blend(LOWEST, vanishes);
        x = x.blend(HIGHEST, x.compare(VectorOperators.GT, HIGHEST));
        var shifted = x.fma(LOG2_E, ROUND);
        var n = shifted.reinterpretAsInts().sub(ROUND_BITS);
        var whole = shifted.sub(ROUND);
        var r = whole.fma(LN2_HIGH, x);
        r = whole.fma(LN2_LOW, r);
        var p = r.fma(EXP_7, EXP_6);
        p = p.fma(r, EXP_5);
        p = p.fma(r, EXP_4);
        p = p.fma(r, EXP_3);
        p = p.fma(r, EXP_2);
        p = p.fma(r.mul(r), r.add(ONE));
        var half = n.lanewise(VectorOperators.ASHR, 1);
        return p.mul(powerOfTwo(half)).mul(powerOfTwo(n.sub(half))).blend(ZERO, vanishes);
    }

    private static FloatVector powerOfTwo(IntVector n) {
        return n.add(BIAS).lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats();
    }

    /** σ(x) = 1 / (1 + e⁻ˣ). */
    static FloatVector sigmoid(FloatVector x) {
        return ONE.div(exp(x.neg()).add(ONE));
    }

    /** tanh: near zero the polynomial of Cephes' {@code tanhf}, elsewhere 1 − 2 / (1 + e²ˣ). */
    static FloatVector tanh(FloatVector x) {
        var far = ONE.sub(TWO.div(exp(x.add(x)).add(ONE)));
        var z = x.mul(x);
        var p = z.fma(TANH_11, TANH_9);
        p = p.fma(z, TANH_7);
        p = p.fma(z, TANH_5);
        p = p.fma(z, TANH_3);
        var near = p.mul(z).fma(x, x);
        return far.blend(near, x.abs().compare(VectorOperators.LT, NEAR_ZERO));
    }

    /**
     * Φ(x), the normal distribution function, from {@code gauss} = exp(−x²/2): Φ(−|x|) = exp(−x²/2) · t · P(t) with
     * t = 1 / (1 + 0.3 |x| / √2), where P is our own fit to erfcx of degree 8 with a relative error below 4 · 10⁻⁸.
     */
    static FloatVector normal(FloatVector x, FloatVector gauss) {
        var t = ONE.div(x.abs().fma(ERFC_SCALE, ONE));
        var p = t.fma(ERFC_8, ERFC_7);
        p = p.fma(t, ERFC_6);
        p = p.fma(t, ERFC_5);
        p = p.fma(t, ERFC_4);
        p = p.fma(t, ERFC_3);
        p = p.fma(t, ERFC_2);
        p = p.fma(t, ERFC_1);
        p = p.fma(t, ERFC_0);
        var below = p.mul(t).mul(gauss).mul(HALF);
        return below.blend(ONE.sub(below), x.compare(VectorOperators.GT, ZERO));
    }

    /** exp(−x²/2). */
    static FloatVector gauss(FloatVector x) {
        return exp(x.mul(x).mul(MINUS_HALF));
    }

    /** 2 √(2/π) (x + 0.044715 x³): GELU's tanh of half of it is 2σ(·) − 1. */
    private static FloatVector geluArgument(FloatVector x) {
        return x.mul(x).fma(GELU_3, GELU_1).mul(x);
    }

    static FloatVector geluTanh(FloatVector x) {
        return x.mul(sigmoid(geluArgument(x)));
    }

    static FloatVector geluErf(FloatVector x) {
        return x.mul(normal(x, gauss(x)));
    }

    static FloatVector relu(FloatVector x) {
        return x.blend(ZERO, x.compare(VectorOperators.LT, ZERO));
    }

    static FloatVector silu(FloatVector x) {
        return x.mul(sigmoid(x));
    }

    // ---- derivatives -------------------------------------------------------------------------------------------------

    /** s + s (1 − s) x (c₁ + c₂ x²): far from zero, where x³ leaves the range of a float, s (1 − s) is 0, and so it comes first. */
    static FloatVector geluTanhSlope(FloatVector x) {
        var s = sigmoid(geluArgument(x));
        var inner = x.mul(x).fma(GELU_SLOPE_2, GELU_1);
        return s.mul(ONE.sub(s)).mul(x).fma(inner, s);
    }

    static FloatVector geluErfSlope(FloatVector x) {
        var gauss = gauss(x);
        return x.mul(ONE_OVER_SQRT_2_PI).fma(gauss, normal(x, gauss));
    }

    static FloatVector reluSlope(FloatVector x) {
        return ZERO.blend(ONE, x.compare(VectorOperators.GT, ZERO));
    }

    static FloatVector siluSlope(FloatVector x) {
        var s = sigmoid(x);
        return x.mul(ONE.sub(s)).fma(s, s);
    }

    static FloatVector tanhSlope(FloatVector x) {
        var t = tanh(x);
        return ONE.sub(t.mul(t));
    }

    static FloatVector sigmoidSlope(FloatVector x) {
        var s = sigmoid(x);
        return s.mul(ONE.sub(s));
    }

    static FloatVector sqrtSlope(FloatVector x) {
        return HALF.div(x.sqrt());
    }
}
