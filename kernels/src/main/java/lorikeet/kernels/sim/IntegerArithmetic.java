package lorikeet.kernels.sim;

/** An instruction on integers of 16, 32 or 64 bits. */
final class IntegerArithmetic extends Instruction {
    private final IntegerOp op;
    private final Type type;
    private final RegisterFile targetFile;
    private final int target;
    /** Registers of up to four sources. */
    private final int[] sources = new int[4];
    /** Which sources are 16-bit numbers, bit by bit. */
    private int halves;
    private int table;

    private IntegerArithmetic(Decoder in, IntegerOp op, Type type) {
        this.op = op;
        this.type = type;
        in.expectOperands(op.operands.length());
        var targetType = switch (op.operands.charAt(0)) {
            case 'w' -> type.bytes == 4 ? Type.B64 : Type.B32;
            case 'u' -> Type.B32;
            default -> type;
        };
        targetFile = targetType.file();
        target = in.target(0, targetType);
        for (int i = 1; i < op.operands.length(); i++) {
            switch (op.operands.charAt(i)) {
                case 'a' -> {
                    sources[i - 1] = in.source(i, type);
                    halves |= type.bytes == 2 ? 1 << i - 1 : 0;
                }
                case 'b' -> sources[i - 1] = in.source(i, targetType);
                case 'u' -> sources[i - 1] = in.source(i, Type.U32);
                default -> table = (int) in.number(i) & 0xFF;
            }
        }
    }

    /** Reads an instruction of {@link IntegerOp}, whose type is still unread, or gives null if it is none. */
    static Instruction decode(Decoder in, Type type) {
        var name = new StringBuilder(in.opcode());
        for (var part : new String[] {"lo", "hi", "wide", "l", "r", "wrap", "clamp", "shiftamt"}) {
            if (in.take(part)) {
                name.append('.').append(part);
            }
        }
        var op = IntegerOp.of(name.toString());
        if (op == null || !op.exists(type.bits())) {
            throw in.error("there is no " + name + " for " + type);
        }
        return new IntegerArithmetic(in, op, type);
    }

    @Override
    void execute(Warp warp, int lanes) {
        int to = lanes == warp.live ? target : ProgramBuilder.SCRATCH;
        int[] r = warp.words;
        int a = sources[0];
        int b = sources[1];
        int c = sources[2];
        if (type.bytes == 8) {
            Int64.run(op, type.signed(), warp.longs, r, to, a, b, c, sources[3]);
        } else if (targetFile == RegisterFile.LONGS) {
            Int32.runWide(op, type.signed(), r, warp.longs, to, a, b, c);
        } else if (halves == 0) {
            Int32.run(op, type.signed(), r, to, a, b, c, sources[3], table);
        } else {
            runHalves(r, to, a, b, c);
        }
        if (to != target) {
            warp.merge(targetFile, target, lanes);
        }
    }

    private void runHalves(int[] r, int to, int a, int b, int c) {
        int x = extend(r, a, 0);
        int y = extend(r, b, 1);
        int z = extend(r, c, 2);
        switch (op) {
            case MUL_WIDE -> Int32.run(IntegerOp.MUL_LO, type.signed(), r, to, x, y, z, 0, 0);
            case MAD_WIDE -> Int32.run(IntegerOp.MAD_LO, type.signed(), r, to, x, y, z, 0, 0);
            default -> {
                Int32.run(op, type.signed(), r, to, x, y, z, 0, 0);
                for (int l = 0; l < 32; l++) {
                    r[to + l] &= 0xFFFF;
                }
            }
        }
    }

    /** A source as 32-bit numbers: itself or, if its halves are signed, an extended copy. */
    private int extend(int[] r, int from, int source) {
        if ((halves >>> source & 1) == 0 || !type.signed()) {
            return from;
        }
        int copy = ProgramBuilder.TEMPORARY + 32 * source;
        for (int l = 0; l < 32; l++) {
            r[copy + l] = (short) r[from + l];
        }
        return copy;
    }
}
