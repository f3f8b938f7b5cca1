package lorikeet.kernels.cpu;

import static lorikeet.kernels.cpu.Vectors.F;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import lorikeet.kernels.Unary;

/** Functions of one variable on whole vectors, accurate to a few units in the last place. */
final class Functions {
    private static final float SQRT_2_OVER_PI = 0.7978845608f;
    private static final float GELU_CUBIC = 0.044715f;
    /** 1.5 · 2²³: adding it to a float below 2²² rounds that to an integer, which then stands in the low bits. */
    private static final float ROUND = 12582912f;

    private Functions() {}

    static FloatVector constant(float value) {
        return FloatVector.broadcast(F, value);
    }

    /**
     * eˣ as 2ⁿ eʳ with |r| ≤ ln 2 / 2 and the polynomial of Cephes' {@code expf} (Moshier 1992) for eʳ. 2ⁿ is multiplied
     * on in two halves, so that results below the normal range come out right and those above it infinite.
     */
    static FloatVector exp(FloatVector x) {
        x = x.blend(-104f, x.compare(VectorOperators.LT, -104f));
        x = x.blend(89f, x.compare(VectorOperators.GT, 89f));
        var shifted = x.fma(constant(1.44269504f), constant(ROUND));
        var n = shifted.reinterpretAsInts().sub(Float.floatToRawIntBits(ROUND));
        var whole = shifted.sub(ROUND);
        var r = whole.fma(constant(-0.693359375f), x);
        r = whole.fma(constant(2.12194440e-4f), r);
        var p = r.fma(constant(1.9875691500e-4f), constant(1.3981999507e-3f));
        p = p.fma(r, constant(8.3334519073e-3f));
        p = p.fma(r, constant(4.1665795894e-2f));
        p = p.fma(r, constant(1.6666665459e-1f));
        p = p.fma(r, constant(5.0000001201e-1f));
        p = p.fma(r.mul(r), r.add(1f));
        var half = n.lanewise(VectorOperators.ASHR, 1);
        return p.mul(powerOfTwo(half)).mul(powerOfTwo(n.sub(half)));
    }

    private static FloatVector powerOfTwo(IntVector n) {
        return n.add(127).lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats();
    }

    /** σ(x) = 1 / (1 + e⁻ˣ). */
    static FloatVector sigmoid(FloatVector x) {
        return constant(1f).div(exp(x.neg()).add(1f));
    }

    /** tanh: near zero the polynomial of Cephes' {@code tanhf}, elsewhere 1 − 2 / (1 + e²ˣ). */
    static FloatVector tanh(FloatVector x) {
        var far = constant(1f).sub(constant(2f).div(exp(x.add(x)).add(1f)));
        var z = x.mul(x);
        var p = z.fma(constant(-5.70498872745e-3f), constant(2.06390887954e-2f));
        p = p.fma(z, constant(-5.37397155531e-2f));
        p = p.fma(z, constant(1.33314422036e-1f));
        p = p.fma(z, constant(-3.33332819422e-1f));
        var near = p.mul(z).fma(x, x);
        return far.blend(near, x.abs().compare(VectorOperators.LT, 0.625f));
    }

    /**
     * Φ(x), the normal distribution function, from {@code gauss} = exp(−x²/2): Φ(−|x|) = exp(−x²/2) · t · P(t) with
     * t = 1 / (1 + 0.3 |x| / √2), where P is our own fit to erfcx of degree 8 with a relative error below 4 · 10⁻⁸.
     */
    static FloatVector normal(FloatVector x, FloatVector gauss) {
        var t = constant(1f).div(x.abs().fma(constant(0.21213203f), constant(1f)));
        var p = t.fma(constant(-0.12722908f), constant(0.4747189f));
        p = p.fma(t, constant(-0.49048793f));
        p = p.fma(t, constant(0.52346843f));
        p = p.fma(t, constant(-0.078336686f));
        p = p.fma(t, constant(0.20814893f));
        p = p.fma(t, constant(0.15003347f));
        p = p.fma(t, constant(0.17048258f));
        p = p.fma(t, constant(0.16920142f));
        var below = p.mul(t).mul(gauss).mul(0.5f);
        return below.blend(constant(1f).sub(below), x.compare(VectorOperators.GT, 0f));
    }

    /** exp(−x²/2). */
    static FloatVector gauss(FloatVector x) {
        return exp(x.mul(x).mul(-0.5f));
    }

    /** 2 √(2/π) (x + 0.044715 x³): GELU's tanh of half of it is 2σ(·) − 1. */
    private static FloatVector geluArgument(FloatVector x) {
        return x.mul(x).fma(constant(2 * SQRT_2_OVER_PI * GELU_CUBIC), constant(2 * SQRT_2_OVER_PI)).mul(x);
    }

    static FloatVector apply(Unary f, FloatVector x) {
        return switch (f) {
            case GELU_TANH -> x.mul(sigmoid(geluArgument(x)));
            case GELU_ERF -> x.mul(normal(x, gauss(x)));
            case RELU -> x.blend(0f, x.compare(VectorOperators.LT, 0f));
            case SILU -> x.mul(sigmoid(x));
            case TANH -> tanh(x);
            case SIGMOID -> sigmoid(x);
            case SQRT -> x.sqrt();
        };
    }

    /** f′(x). */
    static FloatVector derivative(Unary f, FloatVector x) {
        return switch (f) {
            case GELU_TANH -> {
                var s = sigmoid(geluArgument(x));
                var inner = x.mul(x).fma(constant(6 * SQRT_2_OVER_PI * GELU_CUBIC), constant(2 * SQRT_2_OVER_PI));
                yield x.mul(constant(1f).sub(s)).mul(inner).fma(s, s);
            }
            case GELU_ERF -> {
                var gauss = gauss(x);
                yield x.mul(0.3989422804f).fma(gauss, normal(x, gauss));
            }
            case RELU -> constant(0f).blend(1f, x.compare(VectorOperators.GT, 0f));
            case SILU -> {
                var s = sigmoid(x);
                yield x.mul(constant(1f).sub(s)).fma(s, s);
            }
            case TANH -> {
                var t = tanh(x);
                yield t.mul(t).neg().add(1f);
            }
            case SIGMOID -> {
                var s = sigmoid(x);
                yield s.mul(constant(1f).sub(s));
            }
            case SQRT -> constant(0.5f).div(x.sqrt());
        };
    }
}
