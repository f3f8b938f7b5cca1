package lorikeet.kernels.sim;

import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.List;
import lorikeet.kernels.sim.Decoder.Location;

/** {@code atom} and {@code red} on integers, lane by lane in ascending order. */
final class Atomic extends Instruction {
    private enum Op { ADD, MIN, MAX, AND, OR, XOR, EXCH, CAS, INC, DEC }

    private static final List<String> OPS = List.of(Op.values()).stream().map(op -> op.name().toLowerCase()).toList();
    private static final VarHandle WORD = ValueLayout.JAVA_INT.varHandle();
    private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle();

    private final Op op;
    private final Type type;
    private final Location location;
    /** Register for the value before, or −1. */
    private final int target;
    private final int operand;
    private final int swap;

    private Atomic(Decoder in) {
        boolean answers = in.opcode().equals("atom");
        var space = in.takeSpace();
        in.takeAll(List.of("relaxed", "acquire", "release", "acq_rel", "cta", "gpu", "sys"));
        var name = in.takeOneOf(OPS);
        if (name == null) {
            throw in.error("expected an atomic operation");
        }
        op = Op.valueOf(name.toUpperCase());
        type = in.takeType();
        if (type.isFloat()) {
            throw in.error(
                    "floating-point atomics give results that depend on the order of threads; there are none here");
        }
        if (type.bytes < 4) {
            throw in.error("there is no atomic operation for " + type);
        }
        int first = answers ? 1 : 0;
        in.expectOperands(first + (op == Op.CAS ? 3 : 2));
        target = answers ? in.target(0, type) : -1;
        location = in.location(first, space);
        operand = in.source(first + 1, type);
        swap = op == Op.CAS ? in.source(first + 2, type) : operand;
    }

    static Instruction decode(Decoder in) {
        return new Atomic(in);
    }

    @Override
    void execute(Warp warp, int lanes) {
        var space = warp.memory.resolve(location, type.bytes, lanes);
        if (warp.block.observed) {
            warp.block.observe(warp, this, space, lanes, type.bytes, true, true);
        }
        for (int l = 0; l < 32; l++) {
            if ((lanes >>> l & 1) != 0) {
                if (type.bytes == 4) {
                    word(warp, l);
                } else {
                    wide(warp, l);
                }
            }
        }
    }

    private void word(Warp warp, int l) {
        long address = warp.memory.host[l];
        int old;
        int next;
        do {
            old = (int) WORD.getVolatile(GlobalMemory.HOST, address);
            long extended = type.signed() ? old : old & 0xFFFFFFFFL;
            long by = type.signed() ? warp.words[operand + l] : warp.words[operand + l] & 0xFFFFFFFFL;
            next = (int) next(extended, by, warp.words[swap + l]);
        } while (!WORD.compareAndSet(GlobalMemory.HOST, address, old, next));
        if (target >= 0) {
            warp.words[target + l] = old;
        }
    }

    private void wide(Warp warp, int l) {
        long address = warp.memory.host[l];
        long old;
        long next;
        do {
            old = (long) LONG.getVolatile(GlobalMemory.HOST, address);
            next = next(old, warp.longs[operand + l], warp.longs[swap + l]);
        } while (!LONG.compareAndSet(GlobalMemory.HOST, address, old, next));
        if (target >= 0) {
            warp.longs[target + l] = old;
        }
    }

    private long next(long old, long by, long swapped) {
        return switch (op) {
            case ADD -> old + by;
            case MIN -> Int64.less(by, old, type.signed()) ? by : old;
            case MAX -> Int64.less(old, by, type.signed()) ? by : old;
            case AND -> old & by;
            case OR -> old | by;
            case XOR -> old ^ by;
            case EXCH -> by;
            case CAS -> old == by ? swapped : old;
            case INC -> Int64.less(old, by, false) ? old + 1 : 0;
            case DEC -> old == 0 || Int64.less(by, old, false) ? by : old - 1;
        };
    }
}
