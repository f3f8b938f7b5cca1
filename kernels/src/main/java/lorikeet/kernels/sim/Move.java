package lorikeet.kernels.sim;

import java.util.List;

/** {@code mov}: copies a register, or cuts one into parts, or joins parts to one. */
final class Move extends Instruction {
    private final RegisterFile file;
    private final int target;
    private final int source;

    private Move(Decoder in, Type type) {
        in.expectOperands(2);
        file = type.file();
        target = in.target(0, type);
        source = in.source(1, type);
    }

    static Instruction decode(Decoder in) {
        var type = in.takeType();
        if (type == Type.PRED) {
            return PredicateLogic.decode(in);
        }
        if (in.operand(0) instanceof Ptx.Group parts) {
            return new Unpack(in, type, parts.members());
        }
        if (in.operand(1) instanceof Ptx.Group parts) {
            return new Pack(in, type, parts.members());
        }
        return new Move(in, type);
    }

    @Override
    void execute(Warp warp, int lanes) {
        warp.copy(file, source, target, lanes);
    }

    private static Type partOf(Decoder in, Type type, int parts) {
        in.expectOperands(2);
        return switch (type.bits() / Math.max(1, parts)) {
            case 32 -> Type.B32;
            case 16 -> Type.B16;
            case 8 -> Type.B8;
            default -> throw in.error("cannot cut " + type + " into " + parts + " parts");
        };
    }

    /** {@code mov.b64 {a, b}, d}: the first part is the lowest. */
    private static final class Unpack extends Instruction {
        private final int[] targets;
        private final int bits;
        private final boolean wide;
        private final int source;

        Unpack(Decoder in, Type type, List<Ptx.Operand> parts) {
            var part = partOf(in, type, parts.size());
            bits = part.bits();
            wide = type.file() == RegisterFile.LONGS;
            targets = parts.stream().mapToInt(p -> in.target(p, part, part == Type.B8)).toArray();
            source = in.source(1, type);
        }

        @Override
        void execute(Warp warp, int lanes) {
            long mask = (1L << bits) - 1;
            long[] whole = new long[32];
            for (int l = 0; l < 32; l++) {
                whole[l] = wide ? warp.longs[source + l] : warp.words[source + l];
            }
            for (int i = 0; i < targets.length; i++) {
                for (int l = 0; l < 32; l++) {
                    warp.words[ProgramBuilder.SCRATCH + l] = (int) (whole[l] >>> i * bits & mask);
                }
                warp.merge(RegisterFile.WORDS, targets[i], lanes);
            }
        }
    }

    /** {@code mov.b64 d, {a, b}}. */
    private static final class Pack extends Instruction {
        private final int[] sources;
        private final int bits;
        private final RegisterFile file;
        private final int target;

        Pack(Decoder in, Type type, List<Ptx.Operand> parts) {
            var part = partOf(in, type, parts.size());
            bits = part.bits();
            file = type.file();
            target = in.target(0, type);
            sources = parts.stream().mapToInt(p -> in.source(p, part, part == Type.B8)).toArray();
        }

        @Override
        void execute(Warp warp, int lanes) {
            long mask = (1L << bits) - 1;
            for (int l = 0; l < 32; l++) {
                long whole = 0;
                for (int i = 0; i < sources.length; i++) {
                    whole |= (warp.words[sources[i] + l] & mask) << i * bits;
                }
                if (file == RegisterFile.LONGS) {
                    warp.longs[ProgramBuilder.SCRATCH + l] = whole;
                } else {
                    warp.words[ProgramBuilder.SCRATCH + l] = (int) whole;
                }
            }
            warp.merge(file, target, lanes);
        }
    }
}
