package lorikeet.kernels.sim;

import java.util.List;

/**
 * A parsed PTX module: what stands in the text, names not yet resolved.
 *
 * @param lines the text, line by line, for messages
 */
record Ptx(List<Variable> variables, List<Function> functions, List<String> lines) {

    private static final int SHOWN = 200;

    PtxException error(int line, String message) {
        return new PtxException(line, text(line), message);
    }

    /** The text of a line, counted from 1, without indentation; only the beginning of an endless one. */
    String text(int line) {
        var text = line >= 1 && line <= lines.size() ? lines.get(line - 1).strip() : "";
        return text.length() > SHOWN ? text.substring(0, SHOWN) + "…" : text;
    }

    /**
     * A variable in memory, or a parameter.
     *
     * @param bytes   its size; 0 for an array without a size, which is dynamic shared memory
     * @param content its initial bytes, or null
     */
    record Variable(Space space, Type type, String name, int alignment, int bytes, byte[] content, int line) {}

    /**
     * A kernel or a device function.
     *
     * @param maxThreads     the product of {@code .maxntid}, or 0
     * @param requiredThreads the three numbers of {@code .reqntid}, or null
     */
    record Function(String name, boolean entry, List<Variable> results, List<Variable> parameters, int maxThreads,
            int[] requiredThreads, List<Statement> body, int line) {}

    /** What stands between the braces of a function. */
    sealed interface Statement {
        int line();
    }

    /** {@code .reg .f32 %f<10>;} declares %f0 to %f9; a {@code count} of −1 declares the one register of that name. */
    record Registers(Type type, String name, int count, int line) implements Statement {}

    record Declaration(Variable variable, int line) implements Statement {}

    record Open(int line) implements Statement {}

    record Close(int line) implements Statement {}

    record Label(String name, int line) implements Statement {}

    /** {@code name: .branchtargets a, b, c;} */
    record Targets(String name, List<String> labels, int line) implements Statement {}

    /**
     * An instruction.
     *
     * @param guard  name of its guard predicate, or null
     * @param negate whether the guard reads {@code @!p}
     * @param opcode the first part of its mnemonic, {@code ld} of {@code ld.global.f32}
     */
    record Operation(String guard, boolean negate, String opcode, List<String> modifiers, List<Operand> operands,
            int line)
            implements
                Statement {}

    /** What an instruction works on. */
    sealed interface Operand {}

    /** A register, variable, label or function. */
    record Name(String text) implements Operand {}

    /** A literal; of a floating-point literal its bits, as a float of the size that {@code form} names. */
    record Literal(long value, Form form) implements Operand {
        enum Form { INTEGER, F32, F64 }
    }

    /** {@code [base + offset]}; base is null for an absolute address. */
    record Address(String base, long offset) implements Operand {}

    /** {@code variable + offset} as a value. */
    record Sum(String base, long offset) implements Operand {}

    /** {@code {a, b}} or {@code (a, b)}. */
    record Group(List<Operand> members) implements Operand {}

    /** {@code d|p}. */
    record Pair(Operand first, Operand second) implements Operand {}

    /** {@code !p}. */
    record Not(String predicate) implements Operand {}
}
