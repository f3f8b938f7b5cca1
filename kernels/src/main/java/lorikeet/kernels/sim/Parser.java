package lorikeet.kernels.sim;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import lorikeet.kernels.sim.Lexer.Kind;
import lorikeet.kernels.sim.Lexer.Token;

/** Reads a PTX text into a {@link Ptx}, by recursive descent. */
final class Parser {
    /** Directives that end with their line and say nothing to an interpreter. */
    private static final Set<String> LINE_DIRECTIVES = Set.of(".version", ".target", ".address_size", ".loc", ".file");
    private static final Set<String> LINKAGE = Set.of(".visible", ".extern", ".weak", ".common");

    private final List<Token> tokens;
    private final Ptx ptx;
    private int next;

    private Parser(String text) {
        tokens = Lexer.tokens(text);
        ptx = new Ptx(new ArrayList<>(), new ArrayList<>(), text.lines().toList());
    }

    static Ptx parse(String text) {
        var parser = new Parser(text);
        try {
            while (parser.peek().kind() != Kind.END) {
                parser.moduleItem();
            }
        } catch (ArithmeticException overflow) {
            throw parser.error(parser.peek(), "a number is too large: found before this");
        }
        return parser.ptx;
    }

    private void moduleItem() {
        if (skipIgnored()) {
            return;
        }
        while (LINKAGE.contains(peek().text())) {
            take();
        }
        var token = peek();
        switch (token.text()) {
            case ".entry", ".func" -> function();
            case ".global", ".const", ".shared" -> ptx.variables().add(variable());
            default -> throw error(token, "expected a function or a variable");
        }
    }

    /** Skips what an interpreter has no use for; says whether there was any. */
    private boolean skipIgnored() {
        var token = peek();
        if (LINE_DIRECTIVES.contains(token.text())) {
            while (peek().kind() != Kind.END && peek().line() == token.line()) {
                take();
            }
            return true;
        }
        if (token.is(".pragma")) {
            while (!take().is(";")) {
                expectMore();
            }
            return true;
        }
        return false;
    }

    // ---- functions ---------------------------------------------------------------------------------------------------

    private void function() {
        var start = take();
        var results = start.is(".func") && peek().is("(") ? parameters() : List.<Ptx.Variable>of();
        var name = word();
        var parameters = peek().is("(") ? parameters() : List.<Ptx.Variable>of();
        int maxThreads = 0;
        int[] required = null;
        while (peek().text().startsWith(".")) {
            var directive = take();
            switch (directive.text()) {
                case ".maxntid" -> maxThreads = Arrays.stream(dimensions()).reduce(1, Math::multiplyExact);
                case ".reqntid" -> required = dimensions();
                case ".minnctapersm", ".maxnreg" -> integer();
                case ".noreturn" -> {
                }
                default -> throw error(directive, "unknown directive");
            }
        }
        if (peek().is(";")) {
            take();
            return;
        }
        var body = body();
        ptx.functions().add(
                new Ptx.Function(name, start.is(".entry"), results, parameters, maxThreads, required, body,
                        start.line()));
    }

    private List<Ptx.Variable> parameters() {
        var parameters = new ArrayList<Ptx.Variable>();
        expect("(");
        while (!peek().is(")")) {
            parameters.add(declared());
            if (!peek().is(")")) {
                expect(",");
            }
        }
        take();
        return parameters;
    }

    /** One to three numbers, missing ones being 1. */
    private int[] dimensions() {
        int[] dimensions = {1, 1, 1};
        for (int i = 0; i < 3; i++) {
            dimensions[i] = Math.toIntExact(integer());
            if (!peek().is(",")) {
                break;
            }
            take();
        }
        return dimensions;
    }

    private List<Ptx.Statement> body() {
        var body = new ArrayList<Ptx.Statement>();
        expect("{");
        int depth = 1;
        while (depth > 0) {
            var token = peek();
            expectMore();
            if (skipIgnored()) {
                continue;
            }
            if (token.is("{")) {
                depth++;
                body.add(new Ptx.Open(take().line()));
            } else if (token.is("}")) {
                depth--;
                body.add(new Ptx.Close(take().line()));
            } else if (token.is(";")) {
                take();
            } else if (token.is(".reg")) {
                registers(body);
            } else {
                body.add(statement());
            }
        }
        return body;
    }

    private Ptx.Statement statement() {
        var token = peek();
        if (token.kind() == Kind.WORD && tokens.get(next + 1).is(":")) {
            take();
            take();
            return peek().is(".branchtargets") ? targets(token) : new Ptx.Label(token.text(), token.line());
        }
        return switch (token.text()) {
            case ".local", ".shared", ".param" -> new Ptx.Declaration(variable(), token.line());
            default -> operation();
        };
    }

    private Ptx.Targets targets(Token name) {
        take();
        var labels = new ArrayList<String>();
        do {
            labels.add(word());
        } while (take(",") != null);
        expect(";");
        return new Ptx.Targets(name.text(), labels, name.line());
    }

    /** {@code .reg .f32 %f<10>, x;} */
    private void registers(List<Ptx.Statement> body) {
        int line = take().line();
        var type = type(take());
        do {
            var name = word();
            int count = -1;
            if (take("<") != null) {
                count = Math.toIntExact(integer());
                expect(">");
            }
            body.add(new Ptx.Registers(type, name, count, line));
        } while (take(",") != null);
        expect(";");
    }

    private Ptx.Operation operation() {
        var start = peek();
        String guard = null;
        boolean negate = false;
        if (take("@") != null) {
            negate = take("!") != null;
            guard = word();
        }
        var mnemonic = take();
        if (mnemonic.kind() != Kind.WORD || mnemonic.text().startsWith(".")) {
            throw error(mnemonic, "expected an instruction");
        }
        var parts = mnemonic.text().split("\\.");
        var operands = new ArrayList<Ptx.Operand>();
        while (!peek().is(";")) {
            operands.add(operand());
            if (!peek().is(";")) {
                expect(",");
            }
        }
        take();
        return new Ptx.Operation(guard, negate, parts[0], List.of(parts).subList(1, parts.length), operands,
                start.line());
    }

    // ---- operands ----------------------------------------------------------------------------------------------------

    private Ptx.Operand operand() {
        var token = peek();
        if (take("[") != null) {
            var base = peek().kind() == Kind.WORD ? take().text() : null;
            long offset = base == null ? integer() : offset();
            expect("]");
            return new Ptx.Address(base, offset);
        }
        if (take("{") != null) {
            return group("}");
        }
        if (take("(") != null) {
            return group(")");
        }
        if (take("!") != null) {
            return new Ptx.Not(word());
        }
        if (token.kind() == Kind.NUMBER || token.is("-")) {
            return literal();
        }
        var name = new Ptx.Name(word());
        if (take("|") != null) {
            return new Ptx.Pair(name, new Ptx.Name(word()));
        }
        long offset = offset();
        return offset == 0 ? name : new Ptx.Sum(name.text(), offset);
    }

    private Ptx.Group group(String end) {
        var members = new ArrayList<Ptx.Operand>();
        while (!peek().is(end)) {
            if (peek().is("{") || peek().is("(")) {
                throw error(peek(), "groups do not nest: expected an operand");
            }
            members.add(operand());
            if (!peek().is(end)) {
                expect(",");
            }
        }
        take();
        return new Ptx.Group(members);
    }

    private long offset() {
        return take("+") != null ? integer() : peek().is("-") ? integer() : 0;
    }

    private Ptx.Literal literal() {
        boolean minus = take("-") != null;
        var token = take();
        var digits = token.text();
        var kind = digits.length() > 2 && digits.charAt(0) == '0' ? Character.toLowerCase(digits.charAt(1)) : ' ';
        try {
            if (kind == 'f' && digits.length() == 10) {
                int bits = Integer.parseUnsignedInt(digits, 2, 10, 16);
                return new Ptx.Literal(minus ? bits ^ Integer.MIN_VALUE : bits, Ptx.Literal.Form.F32);
            }
            if (kind == 'd' && digits.length() == 18) {
                long bits = Long.parseUnsignedLong(digits, 2, 18, 16);
                return new Ptx.Literal(minus ? bits ^ Long.MIN_VALUE : bits, Ptx.Literal.Form.F64);
            }
            if (digits.indexOf('.') >= 0 && kind != 'x') {
                double value = Double.parseDouble(digits);
                return new Ptx.Literal(Double.doubleToRawLongBits(minus ? -value : value), Ptx.Literal.Form.F64);
            }
            int end = digits.endsWith("U") ? digits.length() - 1 : digits.length();
            long value = switch (kind) {
                case 'x' -> Long.parseUnsignedLong(digits, 2, end, 16);
                case 'b' -> Long.parseUnsignedLong(digits, 2, end, 2);
                default -> Long.parseUnsignedLong(digits, 0, end, end > 1 && digits.charAt(0) == '0' ? 8 : 10);
            };
            return new Ptx.Literal(minus ? -value : value, Ptx.Literal.Form.INTEGER);
        } catch (NumberFormatException malformed) {
            throw error(token, "expected a number");
        }
    }

    private long integer() {
        var token = peek();
        var literal = literal();
        if (literal.form() != Ptx.Literal.Form.INTEGER) {
            throw error(token, "expected a whole number");
        }
        return literal.value();
    }

    // ---- variables ---------------------------------------------------------------------------------------------------

    private Ptx.Variable variable() {
        var variable = declared();
        expect(";");
        return variable;
    }

    /** {@code .space [.align n] .type [.ptr …] name[count] [= initial value]}. */
    private Ptx.Variable declared() {
        var start = take();
        var space = start.text().startsWith(".") ? Space.of(start.text().substring(1)) : null;
        if (space == null) {
            throw error(start, "expected a state space");
        }
        int alignment = take(".align") != null ? Math.toIntExact(integer()) : 0;
        var type = type(take());
        if (take(".ptr") != null) {
            if (Space.of(peek().text().replaceFirst("\\.", "")) != null) {
                take();
            }
            if (take(".align") != null) {
                integer();
            }
        }
        var name = word();
        long count = 1;
        while (take("[") != null) {
            count = peek().is("]") ? 0 : Math.multiplyExact(count, integer());
            expect("]");
        }
        byte[] content = take("=") != null ? content(type, Math.toIntExact(count)) : null;
        return new Ptx.Variable(space, type, name, Math.max(alignment, type.bytes),
                Math.toIntExact(Math.multiplyExact(count, type.bytes)),
                content, start.line());
    }

    private byte[] content(Type type, int count) {
        var start = peek();
        var literals = new ArrayList<Ptx.Literal>();
        flatten(operand(), literals, start);
        var bytes = ByteBuffer.allocate(Math.multiplyExact(count, type.bytes)).order(ByteOrder.LITTLE_ENDIAN);
        if (literals.size() > count) {
            throw error(start, "more initial values than elements");
        }
        for (var literal : literals) {
            long value = literal.value();
            if (type == Type.F32 && literal.form() == Ptx.Literal.Form.F64) {
                value = Float.floatToRawIntBits((float) Double.longBitsToDouble(value));
            }
            for (int i = 0; i < type.bytes; i++) {
                bytes.put((byte) (value >>> 8 * i));
            }
        }
        return bytes.array();
    }

    private void flatten(Ptx.Operand operand, List<Ptx.Literal> literals, Token start) {
        switch (operand) {
            case Ptx.Literal literal -> literals.add(literal);
            case Ptx.Group group -> group.members().forEach(member -> flatten(member, literals, start));
            default -> throw error(start, "initial values must be numbers");
        }
    }

    // ---- tokens ------------------------------------------------------------------------------------------------------

    private Type type(Token token) {
        var type = token.text().startsWith(".") ? Type.of(token.text().substring(1)) : null;
        if (type == null) {
            throw error(token, "expected a type");
        }
        return type;
    }

    private String word() {
        var token = take();
        if (token.kind() != Kind.WORD) {
            throw error(token, "expected a name");
        }
        return token.text();
    }

    private Token peek() {
        return tokens.get(next);
    }

    private Token take() {
        var token = tokens.get(next);
        if (token.kind() != Kind.END) {
            next++;
        }
        return token;
    }

    /** Takes the next token if it is {@code text}; else null. */
    private Token take(String text) {
        return peek().is(text) ? take() : null;
    }

    private void expect(String text) {
        if (take(text) == null) {
            throw error(peek(), "expected '" + text + "'");
        }
    }

    private void expectMore() {
        if (peek().kind() == Kind.END) {
            throw error(peek(), "expected more");
        }
    }

    private PtxException error(Token token, String message) {
        int line = Math.min(token.line(), Math.max(1, ptx.lines().size()));
        return ptx.error(line, message + " instead of '" + token.text() + "'");
    }
}
