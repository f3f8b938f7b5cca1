package lorikeet.kernels.sim;

import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/** Arithmetic on floating-point numbers. */
enum FloatOp {
    ADD(2), SUB(2), MUL(2), FMA(3), DIV(2), MIN(2), MAX(2), ABS(1), NEG(1), COPYSIGN(2), RCP(1), SQRT(1), RSQRT(1),
    EX2(1),
    LG2(1), SIN(1), COS(1), TANH(1);

    private static final Map<String, FloatOp> BY_NAME = new HashMap<>();
    static {
        for (var op : values()) {
            BY_NAME.put(op.name().toLowerCase(Locale.ROOT), op);
        }
        BY_NAME.put("mad", FMA);
    }

    /** Number of source operands. */
    final int sources;

    FloatOp(int sources) {
        this.sources = sources;
    }

    static FloatOp of(String name) {
        return BY_NAME.get(name);
    }

    /** Whether its result may be rounded in a direction of the program's choice. */
    boolean rounds() {
        return switch (this) {
            case ADD, SUB, MUL, FMA, DIV, RCP, SQRT -> true;
            default -> false;
        };
    }

    /** Whether there is a form that is fast and not exact. */
    boolean approximates() {
        return switch (this) {
            case DIV, RCP, SQRT, RSQRT, EX2, LG2, SIN, COS, TANH -> true;
            default -> false;
        };
    }
}
