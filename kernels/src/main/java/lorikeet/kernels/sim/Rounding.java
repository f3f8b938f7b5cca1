package lorikeet.kernels.sim;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;

/** The four ways of rounding a result, by PTX's names. Rounding other than to nearest is rare, so it may be slow. */
enum Rounding {
    RN, RZ, RM, RP;

    /** Digits that tell a quotient or root from a neighbouring double in all cases. */
    private static final MathContext PRECISE = new MathContext(120, RoundingMode.DOWN);

    /** What {@code op} gives for numbers of a type of 32 or 64 bits, rounded this way. */
    double apply(FloatOp op, double a, double b, double c, boolean single) {
        double nearest = switch (op) {
            case ADD -> single ? (float) a + (float) b : a + b;
            case SUB -> single ? (float) a - (float) b : a - b;
            case MUL -> single ? (float) a * (float) b : a * b;
            case FMA -> single ? Math.fma((float) a, (float) b, (float) c) : Math.fma(a, b, c);
            case DIV -> single ? (float) a / (float) b : a / b;
            case RCP -> single ? 1 / (float) a : 1 / a;
            case SQRT -> single ? (float) Math.sqrt(a) : Math.sqrt(a);
            default -> throw new AssertionError(op);
        };
        boolean exactInfinity = Double.isInfinite(a) || Double.isInfinite(b) || Double.isInfinite(c)
                || (op == FloatOp.DIV && b == 0) || (op == FloatOp.RCP && a == 0);
        if (this == RN || Double.isNaN(nearest) || exactInfinity) {
            return nearest;
        }
        var x = new BigDecimal(a);
        var exact = switch (op) {
            case ADD -> x.add(new BigDecimal(b));
            case SUB -> x.subtract(new BigDecimal(b));
            case MUL -> x.multiply(new BigDecimal(b));
            case FMA -> x.multiply(new BigDecimal(b)).add(new BigDecimal(c));
            case DIV -> x.divide(new BigDecimal(b), PRECISE);
            case RCP -> BigDecimal.ONE.divide(x, PRECISE);
            case SQRT -> x.sqrt(PRECISE);
            default -> throw new AssertionError(op);
        };
        return exact.signum() == 0 ? zero(op, a, b, c, nearest) : round(exact, nearest, single);
    }

    /** A sum that cancels is −0 when rounded down and +0 else; the zero of a product or root has its sign from those. */
    private double zero(FloatOp op, double a, double b, double c, double nearest) {
        boolean positive = switch (op) {
            case ADD -> 1 / a > 0 && 1 / b > 0;
            case SUB -> 1 / a > 0 && 1 / b < 0;
            case FMA -> Math.copySign(1, a) * Math.copySign(1, b) > 0 && 1 / c > 0;
            default -> 1 / nearest > 0;
        };
        return positive || this != RM ? nearest : -0.0;
    }

    /** {@code exact}, rounded this way; {@code nearest} is what rounding to nearest makes of it. */
    private double round(BigDecimal exact, double nearest, boolean single) {
        int excess = Double.isInfinite(nearest) ? (nearest > 0 ? 1 : -1) : new BigDecimal(nearest).compareTo(exact);
        boolean down = this == RM || this == RZ && exact.signum() > 0;
        if (down && excess > 0) {
            return single ? Math.nextDown((float) nearest) : Math.nextDown(nearest);
        }
        if (!down && excess < 0) {
            return single ? Math.nextUp((float) nearest) : Math.nextUp(nearest);
        }
        return nearest;
    }

    static Rounding of(String modifier) {
        return switch (modifier) {
            case "rn" -> RN;
            case "rz" -> RZ;
            case "rm" -> RM;
            case "rp" -> RP;
            default -> null;
        };
    }
}
