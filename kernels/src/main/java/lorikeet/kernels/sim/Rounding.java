package lorikeet.kernels.sim;

/** The four ways of rounding a result, by PTX's names: to nearest, towards zero, down, up. */
enum Rounding {
    RN, RZ, RM, RP;

    static Rounding of(String modifier) {
        return switch (modifier) {
            case "rn" -> RN;
            case "rz" -> RZ;
            case "rm" -> RM;
            case "rp" -> RP;
            default -> null;
        };
    }

    /** What {@code op} gives, rounded this way. */
    float apply(FloatOp op, float a, float b, float c) {
        float nearest = switch (op) {
            case ADD -> a + b;
            case SUB -> a - b;
            case MUL -> a * b;
            case FMA -> Math.fma(a, b, c);
            case DIV -> a / b;
            case RCP -> 1 / a;
            case SQRT -> (float) Math.sqrt(a);
            default -> throw new AssertionError(op);
        };
        boolean finite = Float.isFinite(a) && Float.isFinite(b) && Float.isFinite(c);
        if (this == RN || !finite || nearest != nearest || op == FloatOp.DIV && b == 0 || op == FloatOp.RCP && a == 0) {
            return nearest;
        }
        int excess = excess(op, nearest, a, b, c);
        if (excess == 0) {
            return nearest == 0 && this == RM && cancelled(op, a, b, c) ? -0f : nearest;
        }
        return towards(nearest, nearest != 0 ? nearest : -excess, excess);
    }

    /** The neighbour of {@code nearest} on the side asked for, if that itself errs to the other: by {@code excess}. */
    float towards(float nearest, double exact, int excess) {
        boolean down = this == RM || this == RZ && exact > 0;
        return down && excess > 0 ? Math.nextDown(nearest) : !down && excess < 0 ? Math.nextUp(nearest) : nearest;
    }

    /**
     * The sign of {@code nearest} minus the exact result. Products of two floats are exact in double; sums are a double
     * and the error of that, which two floats' sum lets one compute.
     */
    private static int excess(FloatOp op, float nearest, float a, float b, float c) {
        return switch (op) {
            case ADD -> excess(nearest, a, b);
            case SUB -> excess(nearest, a, -b);
            case MUL -> sign(nearest - (double) a * b);
            case FMA -> excess(nearest, (double) a * b, c);
            case DIV -> sign((double) nearest * b - a) * sign(b);
            case RCP -> sign((double) nearest * a - 1) * sign(a);
            default -> sign((double) nearest * nearest - a);
        };
    }

    /** The sign of {@code nearest − (x + y)}. */
    private static int excess(float nearest, double x, double y) {
        double sum = x + y;
        double part = sum - x;
        double error = x - (sum - part) + (y - part);
        return nearest != sum ? sign(nearest - sum) : -sign(error);
    }

    private static int sign(double x) {
        return x > 0 ? 1 : x < 0 ? -1 : 0;
    }

    /** Whether a sum that is zero is one of opposite numbers, and not of two positive zeros. */
    private static boolean cancelled(FloatOp op, float a, float b, float c) {
        return switch (op) {
            case ADD -> !(positive(a) && positive(b));
            case SUB -> !(positive(a) && positive(-b));
            case FMA -> !(positive(a) == positive(b) && positive(c));
            default -> false;
        };
    }

    private static boolean positive(float x) {
        return Float.floatToRawIntBits(x) >= 0;
    }
}
