package lorikeet.kernels;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;

/**
 * The functions of a library written in C, called through {@code java.lang.foreign}.
 *
 * @param symbols null where there is no such library: then its functions are null too, so that a class that holds them loads
 *                and can say what is missing
 */
public record CLibrary(SymbolLookup symbols) {

    /** @throws java.util.NoSuchElementException if the library is there and lacks the function */
    public MethodHandle function(String name, FunctionDescriptor descriptor) {
        return symbols == null ? null : Linker.nativeLinker().downcallHandle(symbols.findOrThrow(name), descriptor);
    }

    /** A function that returns a status, an int. */
    public MethodHandle status(String name, MemoryLayout... parameters) {
        return function(name, FunctionDescriptor.of(JAVA_INT, parameters));
    }

    /** A call into the library: {@code invokeExact} declares Throwable, but a C function throws nothing. */
    public interface Call<T> {
        T invoke() throws Throwable;
    }

    public static <T> T call(Call<T> call) {
        try {
            return call.invoke();
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /** What to throw for {@code e}, which did not come from the function. */
    public static RuntimeException unexpected(Throwable e) {
        return switch (e) {
            case RuntimeException exception -> exception;
            case Error error -> throw error;
            default -> new IllegalStateException(e);
        };
    }
}
