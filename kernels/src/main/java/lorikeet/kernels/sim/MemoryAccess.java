package lorikeet.kernels.sim;

import java.util.List;
import lorikeet.kernels.sim.Decoder.Location;

/** {@code ld} and {@code st}, of one, two or four elements. */
final class MemoryAccess extends Instruction {
    /** What speaks to caches, or to an order of accesses that the interpreter keeps anyway. */
    static final List<String> HINTS =
            List.of("nc", "ca", "cg", "cs", "lu", "cv", "wb", "wt", "volatile", "weak", "relaxed",
                    "cta", "gpu", "sys");

    private final boolean load;
    private final Type type;
    private final Location location;
    private final int[] registers;
    /** Whether the registers have 64 bits. */
    private final boolean wide;
    /** Of loads into registers of 16 bits: zero what the sign adds above. */
    private final int mask;
    private final int bytes;

    private MemoryAccess(Decoder in) {
        load = in.opcode().equals("ld");
        var space = in.takeSpace();
        in.takeAll(HINTS);
        int elements = in.take("v2") ? 2 : in.take("v4") ? 4 : 1;
        type = in.takeType();
        in.expectOperands(2);
        if (type.bytes == 0 || type == Type.F16 || type == Type.BF16 || type == Type.BF16X2) {
            throw in.error("there is no " + in.opcode() + " for " + type);
        }
        var value = in.operand(load ? 0 : 1);
        var values = value instanceof Ptx.Group group ? group.members() : List.of(value);
        if (values.size() != elements) {
            throw in.error("expected " + elements + " registers, found " + values.size());
        }
        registers = values.stream().mapToInt(v -> load ? in.target(v, type, true) : in.source(v, type, true)).toArray();
        var first = values.getFirst();
        boolean register = in.isRegister(first);
        wide = (register ? in.registerType(first) : type).file() == RegisterFile.LONGS;
        mask = register && in.registerType(first).bytes == 2 ? 0xFFFF : -1;
        for (var other : values) {
            if (in.isRegister(other) && (in.registerType(other).file() == RegisterFile.LONGS) != wide) {
                throw in.error("registers of one access must be of the same size");
            }
        }
        location = in.location(load ? 1 : 0, space);
        bytes = elements * type.bytes;
    }

    static Instruction decode(Decoder in) {
        return new MemoryAccess(in);
    }

    @Override
    void execute(Warp warp, int lanes) {
        var space = warp.memory.resolve(location, bytes, lanes);
        if (warp.block.observed) {
            warp.block.observe(warp, this, space, lanes, bytes, !load, false);
        }
        for (int i = 0; i < registers.length; i++) {
            if (load) {
                load(warp, registers[i], i * type.bytes, lanes);
            } else {
                store(warp, registers[i], i * type.bytes, lanes);
            }
        }
    }

    private void load(Warp warp, int register, int offset, int lanes) {
        long[] host = warp.memory.host;
        if (!wide && type.bytes == 4) {
            for (int l = 0; l < 32; l++) {
                if ((lanes >>> l & 1) != 0) {
                    warp.words[register + l] = GlobalMemory.HOST.get(GlobalMemory.WORD, host[l] + offset);
                }
            }
        } else if (type.bytes == 8) {
            for (int l = 0; l < 32; l++) {
                if ((lanes >>> l & 1) != 0) {
                    warp.longs[register + l] = GlobalMemory.HOST.get(GlobalMemory.LONG, host[l] + offset);
                }
            }
        } else {
            for (int l = 0; l < 32; l++) {
                if ((lanes >>> l & 1) != 0) {
                    long value = extended(host[l] + offset);
                    if (wide) {
                        warp.longs[register + l] = value;
                    } else {
                        warp.words[register + l] = (int) value & mask;
                    }
                }
            }
        }
    }

    private long extended(long address) {
        return switch (type) {
            case S8 -> GlobalMemory.HOST.get(GlobalMemory.BYTE, address);
            case U8, B8 -> GlobalMemory.HOST.get(GlobalMemory.BYTE, address) & 0xFF;
            case S16 -> GlobalMemory.HOST.get(GlobalMemory.HALF, address);
            case U16, B16 -> GlobalMemory.HOST.get(GlobalMemory.HALF, address) & 0xFFFF;
            case S32 -> GlobalMemory.HOST.get(GlobalMemory.WORD, address);
            default -> GlobalMemory.HOST.get(GlobalMemory.WORD, address) & 0xFFFFFFFFL;
        };
    }

    private void store(Warp warp, int register, int offset, int lanes) {
        long[] host = warp.memory.host;
        if (!wide && type.bytes == 4) {
            for (int l = 0; l < 32; l++) {
                if ((lanes >>> l & 1) != 0) {
                    GlobalMemory.HOST.set(GlobalMemory.WORD, host[l] + offset, warp.words[register + l]);
                }
            }
        } else {
            for (int l = 0; l < 32; l++) {
                if ((lanes >>> l & 1) != 0) {
                    long value = wide ? warp.longs[register + l] : warp.words[register + l];
                    switch (type.bytes) {
                        case 1 -> GlobalMemory.HOST.set(GlobalMemory.BYTE, host[l] + offset, (byte) value);
                        case 2 -> GlobalMemory.HOST.set(GlobalMemory.HALF, host[l] + offset, (short) value);
                        case 4 -> GlobalMemory.HOST.set(GlobalMemory.WORD, host[l] + offset, (int) value);
                        default -> GlobalMemory.HOST.set(GlobalMemory.LONG, host[l] + offset, value);
                    }
                }
            }
        }
    }
}
