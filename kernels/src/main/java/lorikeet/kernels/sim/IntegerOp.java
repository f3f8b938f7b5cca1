package lorikeet.kernels.sim;

import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/**
 * Arithmetic and logic on integers. The letters say what stands where: d target, w target of twice the width, u target
 * or source of 32 bits whatever the type; a source, b source of twice the width, i literal.
 */
enum IntegerOp {
    ADD("d a a"), SUB("d a a"), MUL_LO("d a a"), MUL_HI("d a a"), MUL_WIDE("w a a"), MAD_LO("d a a a"),
    MAD_HI("d a a a"),
    MAD_WIDE("w a a b"), DIV("d a a"), REM("d a a"), MIN("d a a"), MAX("d a a"), ABS("d a"), NEG("d a"), SAD("d a a a"),
    AND("d a a"), OR("d a a"), XOR("d a a"), NOT("d a"), CNOT("d a"), LOP3("d a a a i"), SHL("d a u"), SHR("d a u"),
    SHF_L_WRAP("d a a u"), SHF_R_WRAP("d a a u"), SHF_L_CLAMP("d a a u"), SHF_R_CLAMP("d a a u"), BFE("d a u u"),
    BFI("d a a u u"), PRMT("d a a u"), POPC("u a"), CLZ("u a"), BREV("d a"), BFIND("u a"), BFIND_SHIFTAMT("u a");

    private static final Map<String, IntegerOp> BY_NAME = new HashMap<>();
    static {
        for (var op : values()) {
            BY_NAME.put(op.name().toLowerCase(Locale.ROOT).replace('_', '.'), op);
        }
    }

    /** What stands where, letter by letter. */
    final String operands;

    IntegerOp(String operands) {
        this.operands = operands.replace(" ", "");
    }

    /** The operation that {@code mul.lo} or the like names, or null. */
    static IntegerOp of(String name) {
        return BY_NAME.get(name);
    }

    /** Whether there is such an operation on 16-bit numbers; all exist for 32 and 64 bits, but for the exceptions. */
    boolean exists(int bits) {
        return switch (this) {
            case MUL_HI, MAD_HI, SAD, BREV, BFE, BFI, POPC, CLZ, BFIND, BFIND_SHIFTAMT -> bits >= 32;
            case MUL_WIDE, MAD_WIDE -> bits <= 32;
            case LOP3, PRMT, SHF_L_WRAP, SHF_R_WRAP, SHF_L_CLAMP, SHF_R_CLAMP -> bits == 32;
            default -> bits >= 16;
        };
    }
}
