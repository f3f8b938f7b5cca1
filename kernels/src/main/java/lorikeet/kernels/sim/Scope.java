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

    /** The register of that name, or null; it is given a place when it is first asked for. */
    Register register(String name, ProgramBuilder program) {
        var known = registers.get(name);
        if (known != null) {
            return known;
        }
        var declaration = declared.get(name);
        if (declaration == null) {
            int digits = name.length();
            while (digits > 0 && Character.isDigit(name.charAt(digits - 1))) {
                digits--;
            }
            var range = declared.get(name.substring(0, digits) + "<>");
            if (range != null && name.length() - digits < 9 && digits < name.length()
                    && Integer.parseInt(name.substring(digits)) < range.count()) {
                declaration = range;
            }
        }
        if (declaration == null) {
            return parent == null ? null : parent.register(name, program);
        }
        var register = new Register(declaration.type(), program.place(declaration.type().file()));
        registers.put(name, register);
        return register;
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
