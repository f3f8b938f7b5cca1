package lorikeet.kernels.sim;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The names that are known between two braces of a PTX text, and further in. */
final class Scope {
    /** A register: its declared type and where it stands in its file. */
    record Register(Type type, int position) {}

    /** A variable in memory: its address within its space. */
    record Symbol(Space space, long address) {}

    private final Scope parent;
    private final Map<String, Ptx.Registers> declared = new HashMap<>();
    private final Map<String, Register> registers = new HashMap<>();
    private final Map<String, Symbol> symbols = new HashMap<>();
    private final Map<String, Integer> labels = new HashMap<>();
    private final Map<String, List<String>> targets = new HashMap<>();

    Scope(Scope parent) {
        this.parent = parent;
    }

    Scope parent() {
        return parent;
    }

    void declare(Ptx.Registers registers) {
        declared.put(registers.count() < 0 ? registers.name() : registers.name() + "<>", registers);
    }

    void declare(String variable, Symbol symbol) {
        symbols.put(variable, symbol);
    }

    void declare(Ptx.Targets list) {
        targets.put(list.name(), list.labels());
    }

    /** Gives a label its instruction; says whether the name was still free. */
    boolean declare(String label, int instruction) {
        return labels.putIfAbsent(label, instruction) == null;
    }

    /** The innermost scope, from here outwards, that declares a register of that name; null if none does. */
    Scope declaring(String name) {
        return type(name) != null ? this : parent == null ? null : parent.declaring(name);
    }

    /** The type that this scope declares the register of that name with, or null. */
    Type type(String name) {
        var declaration = declared.get(name);
        if (declaration != null) {
            return declaration.type();
        }
        int digits = name.length();
        while (digits > 0 && Character.isDigit(name.charAt(digits - 1))) {
            digits--;
        }
        var range = declared.get(name.substring(0, digits) + "<>");
        boolean inRange = range != null && name.length() - digits < 9 && digits < name.length()
                && Integer.parseInt(name.substring(digits)) < range.count();
        return inRange ? range.type() : null;
    }

    /** Gives a register that this scope declares its place. */
    void place(String name, int position) {
        registers.put(name, new Register(type(name), position));
    }

    /** The register of that name, or null. */
    Register register(String name) {
        var declaring = declaring(name);
        return declaring == null ? null : declaring.registers.get(name);
    }

    Symbol symbol(String name) {
        var symbol = symbols.get(name);
        return symbol != null || parent == null ? symbol : parent.symbol(name);
    }

    /** Number of the instruction at a label, or null. */
    Integer label(String name) {
        var label = labels.get(name);
        return label != null || parent == null ? label : parent.label(name);
    }

    /** The labels of a {@code .branchtargets} list, or null. */
    List<String> targets(String name) {
        var list = targets.get(name);
        return list != null || parent == null ? list : parent.targets(name);
    }
}
