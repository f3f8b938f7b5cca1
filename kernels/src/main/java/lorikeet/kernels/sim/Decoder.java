package lorikeet.kernels.sim;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import lorikeet.kernels.sim.Scope.Symbol;

/**
 * Turns a parsed kernel and the functions that it calls into a {@link Program}: resolves registers, variables and labels,
 * and lets each instruction read its own modifiers and operands. What an instruction does not ask for is an error.
 */
final class Decoder {
    private static final int MAX_PARAMETER_BYTES = 4 << 10;
    private static final int MAX_LOCAL_BYTES = 512 << 10;

    private final Ptx ptx;
    private final Map<String, Long> globals;
    private final ProgramBuilder program = new ProgramBuilder();
    private final Map<String, Function> functions = new LinkedHashMap<>();

    /** The instruction that is being decoded, its modifiers that nothing has asked for yet, and what is around it. */
    private Ptx.Operation operation;
    private List<String> unread;
    private Scope scope;
    private Function function;

    /** A function that is part of the program. */
    static final class Function {
        final Ptx.Function source;
        final Scope scope = new Scope(null);
        /** Where its parameters and results lie in the memory of a thread. */
        final List<Integer> parameters = new ArrayList<>();
        final List<Integer> results = new ArrayList<>();
        final Set<Function> callers = new LinkedHashSet<>();
        /** Register, in the file of words, with the number of the call that each lane came from. */
        int link;
        /** Number of its first instruction, known once it is decoded. */
        int start = -1;

        private Function(Ptx.Function source) {
            this.source = source;
        }

        /** Whether {@code other} is this function or calls it, be it through others. */
        private boolean isReachedFrom(Function other) {
            var all = new LinkedHashSet<>(List.of(this));
            var next = new ArrayDeque<>(all);
            while (!next.isEmpty()) {
                next.remove().callers.stream().filter(all::add).forEach(next::add);
            }
            return all.contains(other);
        }
    }

    private Decoder(Ptx ptx, Map<String, Long> globals) {
        this.ptx = ptx;
        this.globals = globals;
    }

    /**
     * Decodes a kernel.
     *
     * @param globals addresses of the module's variables in global memory
     * @param memory  where room for the kernel's parameters is taken
     */
    static Program decode(Ptx ptx, Ptx.Function kernel, Map<String, Long> globals, GlobalMemory memory) {
        return new Decoder(ptx, globals).program(kernel, memory);
    }

    private Program program(Ptx.Function kernel, GlobalMemory memory) {
        int[] offsets = new int[kernel.parameters().size()];
        int bytes = 0;
        for (int i = 0; i < offsets.length; i++) {
            var parameter = kernel.parameters().get(i);
            offsets[i] = ProgramBuilder.align(bytes, parameter.alignment());
            bytes = offsets[i] + parameter.bytes();
            if (bytes < 0 || bytes > MAX_PARAMETER_BYTES) {
                throw ptx.error(parameter.line(), "more than " + MAX_PARAMETER_BYTES + " bytes of parameters");
            }
        }
        long address = memory.allocate(bytes);
        var entry = new Function(kernel);
        for (int i = 0; i < offsets.length; i++) {
            entry.scope.declare(kernel.parameters().get(i).name(), new Symbol(Space.PARAM, address + offsets[i]));
        }
        functions.put(kernel.name(), entry);
        decode(entry);
        while (functions.values().stream().anyMatch(f -> f.start < 0)) {
            List.copyOf(functions.values()).stream().filter(f -> f.start < 0).forEach(this::decode);
        }
        return program.build(ptx, kernel, offsets, bytes, address);
    }

    // ---- functions and statements ------------------------------------------------------------------------------------

    private void decode(Function decoded) {
        function = decoded;
        function.start = program.code.size();
        var scopes = declareLabelsAndRegisters();
        RegisterAllocation.run(function.source.body(), scopes, function.start, program);
        int nextScope = 0;
        scope = scopes.get(nextScope++);
        for (var statement : function.source.body()) {
            switch (statement) {
                case Ptx.Open _ -> scope = scopes.get(nextScope++);
                case Ptx.Close close -> scope = scope.parent();
                case Ptx.Declaration declaration -> declare(declaration.variable());
                case Ptx.Registers _,Ptx.Targets _,Ptx.Label _ -> {
                }
                case Ptx.Operation instruction -> program.code.add(instruction(instruction));
            }
        }
        var end = new Return(function);
        end.line = program.code.size() > function.start ? program.code.getLast().line : function.source.line();
        program.code.add(end);
    }

    /** The scopes of a function in order of their opening braces, with the labels and registers in them. */
    private List<Scope> declareLabelsAndRegisters() {
        var scopes = new ArrayList<Scope>();
        scopes.add(function.scope);
        var current = function.scope;
        int next = program.code.size();
        for (var statement : function.source.body()) {
            switch (statement) {
                case Ptx.Open _ -> scopes.add(current = new Scope(current));
                case Ptx.Close _ -> current = current.parent();
                case Ptx.Label label -> {
                    if (!current.declare(label.name(), next)) {
                        throw ptx.error(label.line(), "label " + label.name() + " stands here a second time");
                    }
                }
                case Ptx.Operation _ -> next++;
                case Ptx.Registers registers -> current.declare(registers);
                case Ptx.Targets targets -> current.declare(targets);
                default -> {
                }
            }
        }
        return scopes;
    }

    private void declare(Ptx.Variable variable) {
        if (variable.bytes() > MAX_LOCAL_BYTES) {
            throw ptx.error(variable.line(), "more than " + MAX_LOCAL_BYTES + " bytes of shared or local memory");
        }
        scope.declare(variable.name(),
                variable.space() == Space.SHARED
                        ? new Symbol(Space.SHARED, program.shared(variable))
                        : new Symbol(Space.LOCAL, program.local(variable)));
    }

    private Instruction instruction(Ptx.Operation decoded) {
        operation = decoded;
        unread = new ArrayList<>(decoded.modifiers());
        var decode = InstructionSet.of(decoded.opcode());
        if (decode == null) {
            throw error("unknown instruction " + decoded.opcode());
        }
        var instruction = decode.apply(this);
        if (!unread.isEmpty()) {
            throw error("unknown modifier ." + unread.getFirst());
        }
        instruction.line = decoded.line();
        if (decoded.guard() != null) {
            instruction.guard = register(decoded.guard(), Type.PRED, false);
            instruction.guardFlip = decoded.negate() ? -1 : 0;
        }
        return instruction;
    }

    PtxException error(String message) {
        return ptx.error(operation.line(), message);
    }

    // ---- what instructions ask for: modifiers --------------------------------------------------------------------------

    /** The mnemonic's first part. */
    String opcode() {
        return operation.opcode();
    }

    /** Whether the modifier is there; it counts as read. */
    boolean take(String modifier) {
        return unread.remove(modifier);
    }

    /** Whether a modifier is there and has not been read yet. */
    boolean has(String modifier) {
        return unread.contains(modifier);
    }

    /** The one of several modifiers that is there, counted as read; null if none is. */
    String takeOneOf(List<String> modifiers) {
        for (var modifier : modifiers) {
            if (take(modifier)) {
                return modifier;
            }
        }
        return null;
    }

    /** Reads the modifiers that only speak to caches and the order of memory accesses. */
    void takeAll(List<String> modifiers) {
        unread.removeIf(
                modifier -> modifiers.contains(modifier) || modifier.startsWith("L1::") || modifier.startsWith("L2::"));
    }

    /** The next modifier that names a type. */
    Type takeType() {
        for (var modifier : unread) {
            var type = Type.of(modifier);
            if (type != null) {
                unread.remove(modifier);
                return type;
            }
        }
        throw error("expected a type");
    }

    Rounding takeRounding() {
        for (var modifier : unread) {
            var rounding = Rounding.of(modifier);
            if (rounding != null) {
                unread.remove(modifier);
                return rounding;
            }
        }
        return null;
    }

    Space takeSpace() {
        for (var modifier : unread) {
            var space = Space.of(modifier);
            if (space != null) {
                unread.remove(modifier);
                return space;
            }
        }
        return Space.GENERIC;
    }

    // ---- what instructions ask for: operands ---------------------------------------------------------------------------

    int operandCount() {
        return operation.operands().size();
    }

    void expectOperands(int atLeast, int atMost) {
        if (operandCount() < atLeast || operandCount() > atMost) {
            throw error("expected " + (atLeast == atMost ? "" : atLeast + " to ") + atMost + " operands, found "
                    + operandCount());
        }
    }

    void expectOperands(int count) {
        expectOperands(count, count);
    }

    Ptx.Operand operand(int number) {
        if (number >= operandCount()) {
            throw error("an operand is missing");
        }
        return operation.operands().get(number);
    }

    /** The register that an operand names as target; an underscore is a register that nobody reads. */
    int target(Ptx.Operand operand, Type type, boolean widerToo) {
        if (!(operand instanceof Ptx.Name name)) {
            throw error("expected a register as target");
        }
        return name.text().equals("_") ? program.place(type.file()) : register(name.text(), type, widerToo);
    }

    int target(int number, Type type) {
        return target(operand(number), type, false);
    }

    /** A register, literal, address of a variable or special register, as a register of the type's file. */
    int source(Ptx.Operand operand, Type type, boolean widerToo) {
        return switch (operand) {
            case Ptx.Literal literal when type.kind != Type.Kind.PREDICATE -> literal(literal, type);
            case Ptx.Name name -> {
                int special = program.special(name.text());
                if (special >= 0) {
                    if (type.file() != RegisterFile.WORDS) {
                        throw error(name.text() + " has 32 bits");
                    }
                    yield special;
                }
                yield scope.register(name.text()) != null || symbol(name.text()) == null
                        ? register(name.text(), type, widerToo)
                        : address(name.text(), 0, type);
            }
            case Ptx.Sum sum -> address(sum.base(), sum.offset(), type);
            default -> throw error("expected a register or a number");
        };
    }

    int source(int number, Type type) {
        return source(operand(number), type, false);
    }

    /** A register of exactly the type's size, or of at least that size. */
    private int register(String name, Type type, boolean widerToo) {
        var register = scope.register(name);
        if (register == null) {
            throw error("unknown register " + name);
        }
        boolean predicate = type.kind == Type.Kind.PREDICATE;
        boolean fits = widerToo ? register.type().bytes >= type.bytes : register.type().bytes == type.bytes;
        if (predicate != (register.type().kind == Type.Kind.PREDICATE) || !fits) {
            throw error("register " + name + " is " + register.type() + ", expected " + type);
        }
        return register.position();
    }

    boolean isRegister(Ptx.Operand operand) {
        return operand instanceof Ptx.Name name && scope.register(name.text()) != null;
    }

    /** The type that a register was declared with. */
    Type registerType(Ptx.Operand operand) {
        var register = operand instanceof Ptx.Name name ? scope.register(name.text()) : null;
        if (register == null) {
            throw error("expected a register");
        }
        return register.type();
    }

    private int literal(Ptx.Literal literal, Type type) {
        return program.constant(type.file(), literalBits(literal, type));
    }

    private long literalBits(Ptx.Literal literal, Type type) {
        long value = literal.value();
        if (literal.form() == Ptx.Literal.Form.F64 && type == Type.F32) {
            return Float.floatToRawIntBits((float) Double.longBitsToDouble(value));
        }
        if (literal.form() == Ptx.Literal.Form.INTEGER && type.isFloat()
                || literal.form() == Ptx.Literal.Form.F64 && type.bytes != 8
                || literal.form() == Ptx.Literal.Form.F32 && type.bytes != 4) {
            throw error("a literal does not suit type " + type);
        }
        return type.bytes == 2 ? value & 0xFFFF : type.bytes == 1 ? value & 0xFF : value;
    }

    /** A whole number that stands in the text. */
    long number(int operand) {
        if (operand(operand) instanceof Ptx.Literal literal && literal.form() == Ptx.Literal.Form.INTEGER) {
            return literal.value();
        }
        throw error("expected a number as operand " + (operand + 1));
    }

    /** A predicate as source: its register, and −1 if it is negated, else 0. */
    record Predicate(int register, int flip) {}

    Predicate predicate(int number) {
        return switch (operand(number)) {
            case Ptx.Not not -> new Predicate(register(not.predicate(), Type.PRED, false), -1);
            case Ptx.Name name -> new Predicate(register(name.text(), Type.PRED, false), 0);
            case Ptx.Literal literal -> new Predicate(ProgramBuilder.FALSE, literal.value() == 0 ? 0 : -1);
            default -> throw error("expected a predicate as operand " + (number + 1));
        };
    }

    /** A free register of a file. */
    int place(RegisterFile file) {
        return program.place(file);
    }

    // ---- what instructions ask for: addresses, labels, functions ---------------------------------------------------------

    /**
     * An address in memory.
     *
     * @param space  where it points, given what the instruction and the variable say
     * @param wide   whether its register has 64 bits
     * @param base   register with the part that lanes differ in
     * @param offset bytes to add
     */
    record Location(Space space, boolean wide, int base, long offset) {}

    Location location(int number, Space space) {
        if (!(operand(number) instanceof Ptx.Address address)) {
            throw error("expected an address in brackets as operand " + (number + 1));
        }
        if (address.base() == null) {
            return new Location(space, true, program.constant(RegisterFile.LONGS, address.offset()), 0);
        }
        var register = scope.register(address.base());
        if (register != null) {
            if (register.type().bytes < 4) {
                throw error("register " + address.base() + " is too narrow for an address");
            }
            return new Location(space, register.type().bytes == 8, register.position(), address.offset());
        }
        var symbol = symbol(address.base());
        if (symbol == null) {
            throw error("unknown variable " + address.base());
        }
        boolean formal = space == Space.PARAM && symbol.space() == Space.LOCAL;
        if (space != symbol.space() && !formal) {
            throw error(address.base() + " lies in another space than ." + space.name().toLowerCase());
        }
        return new Location(symbol.space(), true, program.constant(RegisterFile.LONGS, symbol.address()),
                address.offset());
    }

    /** The address of a variable as a constant. */
    private int address(String variable, long offset, Type type) {
        var symbol = symbol(variable);
        if (symbol == null || type.bytes < 4 || type.isFloat()) {
            throw error("unknown register or variable " + variable);
        }
        return program.constant(type.file(), symbol.address() + offset);
    }

    private Symbol symbol(String name) {
        var local = scope.symbol(name);
        if (local != null) {
            return local;
        }
        for (var variable : ptx.variables()) {
            if (variable.name().equals(name)) {
                return variable.space() == Space.SHARED
                        ? new Symbol(Space.SHARED, program.shared(variable))
                        : new Symbol(variable.space(), globals.get(name));
            }
        }
        return null;
    }

    /** Where the variable of that name lies in a thread's own memory, as parameters of calls do. */
    int localAddress(Ptx.Operand operand) {
        var symbol = operand instanceof Ptx.Name name ? symbol(name.text()) : null;
        if (symbol == null || symbol.space() != Space.LOCAL) {
            throw error("expected a .param variable of this function");
        }
        return (int) symbol.address();
    }

    int label(String name) {
        var label = scope.label(name);
        if (label == null) {
            throw error("unknown label " + name);
        }
        return label;
    }

    int label(int number) {
        if (operand(number) instanceof Ptx.Name name) {
            return label(name.text());
        }
        throw error("expected a label");
    }

    int[] targets(int number) {
        var labels = operand(number) instanceof Ptx.Name name ? scope.targets(name.text()) : null;
        if (labels == null) {
            throw error("expected the name of a .branchtargets list");
        }
        return labels.stream().mapToInt(this::label).toArray();
    }

    Function function() {
        return function;
    }

    /** The function of that name, which this one calls. */
    Function callee(Ptx.Operand operand) {
        var name = operand instanceof Ptx.Name word ? word.text() : "";
        var source = ptx.functions().stream().filter(f -> !f.entry() && f.name().equals(name)).findFirst()
                .orElseThrow(() -> error("unknown function " + name));
        var callee = functions.computeIfAbsent(name, _ -> declare(source));
        if (function.isReachedFrom(callee)) {
            throw error("recursion is not supported");
        }
        callee.callers.add(function);
        return callee;
    }

    private Function declare(Ptx.Function source) {
        var callee = new Function(source);
        callee.link = program.place(RegisterFile.WORDS);
        for (var parameter : source.parameters()) {
            callee.parameters.add(program.local(parameter));
            callee.scope.declare(parameter.name(), new Symbol(Space.LOCAL, callee.parameters.getLast()));
        }
        for (var result : source.results()) {
            callee.results.add(program.local(result));
            callee.scope.declare(result.name(), new Symbol(Space.LOCAL, callee.results.getLast()));
        }
        return callee;
    }
}
