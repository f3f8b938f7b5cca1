package lorikeet.kernels.sim;

import java.util.List;

/** What the lanes of a warp find out about each other: {@code vote}, {@code match}, {@code redux}, {@code activemask}. */
final class Vote extends Instruction {
    private enum Kind { ALL, ANY, UNI, BALLOT, MATCH_ANY, MATCH_ALL, ADD, MIN, MAX, AND, OR, XOR, ACTIVE }

    private final Kind kind;
    private final Type type;
    private final int target;
    /** Second target of MATCH_ALL: whether all agree; −1 if it has none. */
    private final int agreed;
    private final Decoder.Predicate predicate;
    private final int source;
    private final int mask;

    private Vote(Decoder in, Kind kind, Type type) {
        this.kind = kind;
        this.type = type;
        boolean votes = kind.compareTo(Kind.BALLOT) <= 0;
        if (kind == Kind.MATCH_ALL && in.operand(0) instanceof Ptx.Pair pair) {
            target = in.target(pair.first(), Type.B32, false);
            agreed = in.target(pair.second(), Type.PRED, false);
        } else {
            target = in.target(0, kind.compareTo(Kind.BALLOT) < 0 ? Type.PRED : Type.B32);
            agreed = -1;
        }
        in.expectOperands(kind == Kind.ACTIVE ? 1 : 3);
        predicate = votes ? in.predicate(1) : null;
        source = votes || kind == Kind.ACTIVE ? -1 : in.source(1, type);
        mask = kind == Kind.ACTIVE ? -1 : in.source(2, Type.B32);
    }

    static Instruction decode(Decoder in) {
        if (!in.opcode().equals("activemask") && !in.take("sync")) {
            throw in.error("expected " + in.opcode() + ".sync");
        }
        var kind = switch (in.opcode()) {
            case "vote" -> kind(in, List.of("all", "any", "uni", "ballot"), "");
            case "match" -> kind(in, List.of("any", "all"), "MATCH_");
            case "redux" -> kind(in, List.of("add", "min", "max", "and", "or", "xor"), "");
            default -> Kind.ACTIVE;
        };
        var type = in.takeType();
        boolean known = switch (kind) {
            case ALL, ANY, UNI -> type == Type.PRED;
            case BALLOT, ACTIVE, AND, OR, XOR -> type == Type.B32;
            case MATCH_ANY, MATCH_ALL -> type == Type.B32 || type == Type.B64;
            case ADD, MIN, MAX -> type == Type.S32 || type == Type.U32;
        };
        if (!known) {
            throw in.error("there is no " + in.opcode() + " for " + type);
        }
        return new Vote(in, kind, type);
    }

    private static Kind kind(Decoder in, List<String> names, String prefix) {
        var name = in.takeOneOf(names);
        if (name == null) {
            throw in.error("expected one of " + names);
        }
        return Kind.valueOf(prefix + name.toUpperCase());
    }

    @Override
    void execute(Warp warp, int lanes) {
        if (kind != Kind.ACTIVE && !warp.named(lanes, mask)) {
            return;
        }
        int agreeing = 0;
        for (int l = 0; l < 32; l++) {
            if ((lanes >>> l & 1) != 0) {
                int group = kind == Kind.ACTIVE ? lanes : warp.words[mask + l];
                int outcome = outcome(warp, l, group);
                if (target >= 0 && kind.compareTo(Kind.BALLOT) < 0) {
                    warp.setPredicate(target, -outcome, 1 << l);
                } else {
                    warp.words[ProgramBuilder.SCRATCH + l] = outcome;
                }
                agreeing |= outcome != 0 ? 1 << l : 0;
            }
        }
        if (kind.compareTo(Kind.BALLOT) >= 0) {
            warp.merge(RegisterFile.WORDS, target, lanes);
        }
        if (agreed >= 0) {
            warp.setPredicate(agreed, agreeing, lanes);
        }
    }

    /** What one lane learns about the lanes of its group; 1 stands for true. */
    private int outcome(Warp warp, int lane, int group) {
        int votes = predicate == null ? 0 : (warp.predicates[predicate.register()] ^ predicate.flip()) & group;
        return switch (kind) {
            case ALL -> votes == group ? 1 : 0;
            case ANY -> votes != 0 ? 1 : 0;
            case UNI -> votes == group || votes == 0 ? 1 : 0;
            case BALLOT -> votes;
            case ACTIVE -> group;
            case MATCH_ANY -> equal(warp, lane, group);
            case MATCH_ALL -> equal(warp, lane, group) == group ? group : 0;
            default -> reduce(warp, group);
        };
    }

    private int equal(Warp warp, int lane, int group) {
        int equal = 0;
        for (int l = 0; l < 32; l++) {
            boolean same = type.bytes == 8
                    ? warp.longs[source + l] == warp.longs[source + lane]
                    : warp.words[source + l] == warp.words[source + lane];
            equal |= same ? group & 1 << l : 0;
        }
        return equal;
    }

    private int reduce(Warp warp, int group) {
        int result = warp.words[source + Integer.numberOfTrailingZeros(group)];
        for (int l = Integer.numberOfTrailingZeros(group) + 1; l < 32; l++) {
            if ((group >>> l & 1) != 0) {
                int x = warp.words[source + l];
                result = switch (kind) {
                    case ADD -> result + x;
                    case MIN -> Int32.less(x, result, type.signed()) ? x : result;
                    case MAX -> Int32.less(result, x, type.signed()) ? x : result;
                    case AND -> result & x;
                    case OR -> result | x;
                    default -> result ^ x;
                };
            }
        }
        return result;
    }
}
