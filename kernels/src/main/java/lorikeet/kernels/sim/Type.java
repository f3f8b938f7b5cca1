package lorikeet.kernels.sim;

import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The types of PTX that the interpreter knows, by the suffix that names them. */
enum Type {
    PRED(0, Kind.PREDICATE),
    B8(1, Kind.BITS), B16(2, Kind.BITS), B32(4, Kind.BITS), B64(8, Kind.BITS),
    U8(1, Kind.UNSIGNED), U16(2, Kind.UNSIGNED), U32(4, Kind.UNSIGNED), U64(8, Kind.UNSIGNED),
    S8(1, Kind.SIGNED), S16(2, Kind.SIGNED), S32(4, Kind.SIGNED), S64(8, Kind.SIGNED),
    F16(2, Kind.FLOAT), BF16(2, Kind.FLOAT), BF16X2(4, Kind.FLOAT), F32(4, Kind.FLOAT), F64(8, Kind.FLOAT);

    enum Kind { PREDICATE, BITS, UNSIGNED, SIGNED, FLOAT }

    private static final Map<String, Type> BY_SUFFIX = Stream.of(values())
            .collect(Collectors.toMap(type -> type.name().toLowerCase(Locale.ROOT), Function.identity()));

    final int bytes;
    final Kind kind;

    Type(int bytes, Kind kind) {
        this.bytes = bytes;
        this.kind = kind;
    }

    /** The type that {@code f32} or the like names, or null. */
    static Type of(String suffix) {
        return BY_SUFFIX.get(suffix);
    }

    int bits() {
        return 8 * bytes;
    }

    boolean signed() {
        return kind == Kind.SIGNED;
    }

    boolean isFloat() {
        return kind == Kind.FLOAT;
    }

    /** Where a register of this type lives. */
    RegisterFile file() {
        return kind == Kind.PREDICATE ? RegisterFile.PREDICATES : bytes == 8 ? RegisterFile.LONGS : RegisterFile.WORDS;
    }

    @Override
    public String toString() {
        return "." + name().toLowerCase(Locale.ROOT);
    }
}
