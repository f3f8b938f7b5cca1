package lorikeet.kernels.cpu;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;

/**
 * The few functions of oneDNN's C interface (version 3) that matrix products need, called through
 * {@code java.lang.foreign}. Pointers are plain longs: a handle is an address that only oneDNN understands.
 */
final class OneDnn {
    static final int F32 = 3, BF16 = 2;
    private static final int SRC = 1, DST = 17, WEIGHTS = 33, BIAS = 41, SCRATCHPAD = 80;
    private static final int CPU = 1, DEFAULT_FLAGS = 1, FPMATH_BF16 = 1, SCRATCHPAD_USER = 1, ELTWISE_LINEAR = 38;
    private static final int QUERY_SCRATCHPAD = 136, QUERY_IMPLEMENTATION = 8;
    /** Bits of an instruction set that multiplies bf16 itself: AVX-512 with bf16, or AVX2 with VNNI 2. */
    private static final int ISA_AVX512_BF16 = 231, ISA_AMX = 4079;

    private static final SymbolLookup LIBRARY;
    /** Why the library cannot be used, or null. */
    static final String PROBLEM;

    static {
        SymbolLookup library = null;
        String problem = null;
        if (Boolean.getBoolean("lorikeet.onednn.off")) {
            problem = "switched off by lorikeet.onednn.off";
        } else {
            try {
                library = Natives.oneDnn();
            } catch (IOException | IllegalArgumentException | UnsatisfiedLinkError e) {
                problem = e.getMessage();
            }
        }
        LIBRARY = library;
        PROBLEM = problem;
    }

    private static final MethodHandle ENGINE_CREATE = status("dnnl_engine_create", ADDRESS, JAVA_INT, JAVA_LONG);
    private static final MethodHandle ENGINE_DESTROY = status("dnnl_engine_destroy", JAVA_LONG);
    private static final MethodHandle STREAM_DESTROY = status("dnnl_stream_destroy", JAVA_LONG);
    private static final MethodHandle STREAM_CREATE = status("dnnl_stream_create", ADDRESS, JAVA_LONG, JAVA_INT);
    private static final MethodHandle MD_CREATE =
            status("dnnl_memory_desc_create_with_strides", ADDRESS, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS);
    private static final MethodHandle MD_DESTROY = status("dnnl_memory_desc_destroy", JAVA_LONG);
    private static final MethodHandle MD_SIZE =
            of("dnnl_memory_desc_get_size", FunctionDescriptor.of(JAVA_LONG, JAVA_LONG));
    private static final MethodHandle MEMORY_CREATE =
            status("dnnl_memory_create", ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle MEMORY_DESTROY = status("dnnl_memory_destroy", JAVA_LONG);
    private static final MethodHandle MEMORY_SET = status("dnnl_memory_set_data_handle", JAVA_LONG, JAVA_LONG);
    private static final MethodHandle ATTR_CREATE = status("dnnl_primitive_attr_create", ADDRESS);
    private static final MethodHandle ATTR_DESTROY = status("dnnl_primitive_attr_destroy", JAVA_LONG);
    private static final MethodHandle ATTR_FPMATH = status("dnnl_primitive_attr_set_fpmath_mode", JAVA_LONG, JAVA_INT);
    private static final MethodHandle ATTR_SCRATCHPAD =
            status("dnnl_primitive_attr_set_scratchpad_mode", JAVA_LONG, JAVA_INT);
    private static final MethodHandle ATTR_POST_OPS = status("dnnl_primitive_attr_set_post_ops", JAVA_LONG, JAVA_LONG);
    private static final MethodHandle POST_OPS_CREATE = status("dnnl_post_ops_create", ADDRESS);
    private static final MethodHandle POST_OPS_DESTROY = status("dnnl_post_ops_destroy", JAVA_LONG);
    private static final MethodHandle APPEND_SUM =
            status("dnnl_post_ops_append_sum", JAVA_LONG, JAVA_FLOAT, JAVA_INT, JAVA_INT);
    private static final MethodHandle APPEND_ELTWISE =
            status("dnnl_post_ops_append_eltwise", JAVA_LONG, JAVA_INT, JAVA_FLOAT, JAVA_FLOAT);
    private static final MethodHandle MATMUL_CREATE =
            status("dnnl_matmul_primitive_desc_create", ADDRESS, JAVA_LONG, JAVA_LONG,
                    JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle PD_DESTROY = status("dnnl_primitive_desc_destroy", JAVA_LONG);
    private static final MethodHandle PD_MD =
            of("dnnl_primitive_desc_query_md", FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT));
    private static final MethodHandle PD_QUERY =
            status("dnnl_primitive_desc_query", JAVA_LONG, JAVA_INT, JAVA_INT, ADDRESS);
    private static final MethodHandle PRIMITIVE_CREATE = status("dnnl_primitive_create", ADDRESS, JAVA_LONG);
    private static final MethodHandle PRIMITIVE_DESTROY = status("dnnl_primitive_destroy", JAVA_LONG);
    private static final MethodHandle EXECUTE =
            status("dnnl_primitive_execute", JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_LONG);
    private static final MethodHandle EFFECTIVE_ISA = status("dnnl_get_effective_cpu_isa");
    private static final MethodHandle SET_THREADS = of("omp_set_num_threads", FunctionDescriptor.ofVoid(JAVA_INT));

    private OneDnn() {}

    private static MethodHandle status(String name, MemoryLayout... parameters) {
        return of(name, FunctionDescriptor.of(JAVA_INT, parameters));
    }

    private static MethodHandle of(String name, FunctionDescriptor descriptor) {
        return LIBRARY == null ? null : Linker.nativeLinker().downcallHandle(LIBRARY.findOrThrow(name), descriptor);
    }

    /** A call into the library; {@code invokeExact} declares Throwable, but a C function throws nothing. */
    private interface Call<T> {
        T invoke() throws Throwable;
    }

    private static <T> T call(Call<T> call) {
        try {
            return call.invoke();
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    private static void check(int status, String what) {
        if (status != 0) {
            throw new IllegalStateException("oneDNN cannot " + what + ": status " + status);
        }
    }

    /** Calls a function that writes a new handle to its first argument. */
    private interface Creator {
        int create(MemorySegment result) throws Throwable;
    }

    private static long create(String what, Creator creator) {
        try (var arena = Arena.ofConfined()) {
            var result = arena.allocate(JAVA_LONG);
            check(call(() -> creator.create(result)), "create " + what);
            return result.get(JAVA_LONG, 0);
        }
    }

    static long engine() {
        return create("an engine", r -> (int) ENGINE_CREATE.invokeExact(r, CPU, 0L));
    }

    static long stream(long engine) {
        return create("a stream", r -> (int) STREAM_CREATE.invokeExact(r, engine, DEFAULT_FLAGS));
    }

    static void freeStream(long stream) {
        check(call(() -> (int) STREAM_DESTROY.invokeExact(stream)), "free a stream");
    }

    static void freeEngine(long engine) {
        check(call(() -> (int) ENGINE_DESTROY.invokeExact(engine)), "free an engine");
    }

    /** Whether the processor multiplies bf16 in hardware. */
    static boolean hasBf16() {
        int isa = call(() -> (int) EFFECTIVE_ISA.invokeExact());
        return (isa & ISA_AVX512_BF16) == ISA_AVX512_BF16;
    }

    static boolean hasAmx() {
        return (call(() -> (int) EFFECTIVE_ISA.invokeExact()) & ISA_AMX) == ISA_AMX;
    }

    /** From here on, primitives made or run by the calling thread use it alone: tasks are spread by {@link Parallel}. */
    static void useThisThreadOnly() {
        call(() -> {
            SET_THREADS.invokeExact(1);
            return null;
        });
    }

    /** A matrix product c = alpha · a b (+ bias) (+ c) by shape: strides in elements, types {@link #F32} or {@link #BF16}. */
    record Product(int m, int n, int k, int type, long aRow, long aColumn, long bRow, long bColumn, long cRow,
            float alpha,
            boolean add, boolean bias, boolean fast) {}

    /** A compiled product. */
    static final class Matmul {
        final long scratchBytes;
        private final long primitive;
        private final long engine;
        private final long a, b, bias, c, scratchpad;
        private final Bindings[] bindings;
        private final long descriptor;

        Matmul(long engine, Product p, int workers) {
            this.engine = engine;
            a = matrixDescriptor(p.m, p.k, p.type, p.aRow, p.aColumn);
            b = matrixDescriptor(p.k, p.n, p.type, p.bRow, p.bColumn);
            bias = p.bias ? matrixDescriptor(1, p.n, F32, p.n, 1) : 0;
            c = matrixDescriptor(p.m, p.n, F32, p.cRow, 1);
            long attributes = attributes(p);
            descriptor = create("a matrix product " + p,
                    r -> (int) MATMUL_CREATE.invokeExact(r, engine, a, b, bias, c, attributes));
            primitive = create("a primitive", r -> (int) PRIMITIVE_CREATE.invokeExact(r, descriptor));
            check(call(() -> (int) ATTR_DESTROY.invokeExact(attributes)), "free attributes");
            scratchpad = call(() -> (long) PD_MD.invokeExact(descriptor, QUERY_SCRATCHPAD, 0));
            scratchBytes = call(() -> (long) MD_SIZE.invokeExact(scratchpad));
            bindings = new Bindings[workers];
        }

        private static long matrixDescriptor(long rows, long columns, int type, long rowStride, long columnStride) {
            try (var arena = Arena.ofConfined()) {
                var dims = arena.allocateFrom(JAVA_LONG, rows, columns);
                var strides = arena.allocateFrom(JAVA_LONG, rowStride, columnStride);
                return create("a memory descriptor", r -> (int) MD_CREATE.invokeExact(r, 2, dims, type, strides));
            }
        }

        private static long attributes(Product p) {
            long attributes = create("attributes", r -> (int) ATTR_CREATE.invokeExact(r));
            check(call(() -> (int) ATTR_SCRATCHPAD.invokeExact(attributes, SCRATCHPAD_USER)),
                    "set the scratchpad mode");
            if (p.fast) {
                check(call(() -> (int) ATTR_FPMATH.invokeExact(attributes, FPMATH_BF16)), "set the fpmath mode");
            }
            if (p.alpha != 1 || p.add) {
                long ops = create("post-ops", r -> (int) POST_OPS_CREATE.invokeExact(r));
                if (p.alpha != 1) {
                    check(call(() -> (int) APPEND_ELTWISE.invokeExact(ops, ELTWISE_LINEAR, p.alpha, 0f)), "scale");
                }
                if (p.add) {
                    check(call(() -> (int) APPEND_SUM.invokeExact(ops, 1f, 0, 0)), "accumulate");
                }
                check(call(() -> (int) ATTR_POST_OPS.invokeExact(attributes, ops)), "set post-ops");
                check(call(() -> (int) POST_OPS_DESTROY.invokeExact(ops)), "free post-ops");
            }
            return attributes;
        }

        /** Runs in the calling thread, which is worker {@code worker}; addresses of matrices and scratch space. */
        void run(long stream, int worker, long cAddress, long aAddress, long bAddress, long biasAddress, long scratch) {
            var mine = bindings[worker];
            if (mine == null) {
                mine = bindings[worker] = new Bindings();
            }
            mine.run(stream, cAddress, aAddress, bAddress, biasAddress, scratch);
        }

        /** The library's implementation, such as {@code brg_matmul:avx512_core}. */
        String implementation() {
            try (var arena = Arena.ofConfined()) {
                var result = arena.allocate(ADDRESS);
                check(call(() -> (int) PD_QUERY.invokeExact(descriptor, QUERY_IMPLEMENTATION, 0, result)),
                        "name itself");
                return result.get(ADDRESS, 0).reinterpret(256).getString(0);
            }
        }

        void close() {
            for (var binding : bindings) {
                if (binding != null) {
                    binding.close();
                }
            }
            check(call(() -> (int) PRIMITIVE_DESTROY.invokeExact(primitive)), "free a primitive");
            check(call(() -> (int) PD_DESTROY.invokeExact(descriptor)), "free a descriptor");
            for (long md : new long[] {a, b, bias, c}) {
                if (md != 0) {
                    check(call(() -> (int) MD_DESTROY.invokeExact(md)), "free a descriptor");
                }
            }
        }

        /** One worker's memory objects, and the argument list that names them. */
        private final class Bindings {
            private final long aMemory = memory(a), bMemory = memory(b), cMemory = memory(c);
            private final long biasMemory = bias == 0 ? 0 : memory(bias);
            private final long scratchMemory = scratchBytes == 0 ? 0 : memory(scratchpad);
            private final Arena arena = Arena.ofShared();
            private final long arguments;
            private final int count;

            Bindings() {
                var list = arena.allocate(5 * 16);
                int n = argument(list, 0, SRC, aMemory);
                n = argument(list, n, WEIGHTS, bMemory);
                n = argument(list, n, DST, cMemory);
                n = argument(list, n, BIAS, biasMemory);
                count = argument(list, n, SCRATCHPAD, scratchMemory);
                arguments = list.address();
            }

            private long memory(long md) {
                return create("a memory object", r -> (int) MEMORY_CREATE.invokeExact(r, md, engine, 0L));
            }

            private static int argument(MemorySegment list, int n, int role, long memory) {
                if (memory == 0) {
                    return n;
                }
                list.set(JAVA_INT, 16L * n, role);
                list.set(JAVA_LONG, 16L * n + 8, memory);
                return n + 1;
            }

            void run(long stream, long cAddress, long aAddress, long bAddress, long biasAddress, long scratch) {
                try {
                    int status = (int) MEMORY_SET.invokeExact(aMemory, aAddress);
                    status |= (int) MEMORY_SET.invokeExact(bMemory, bAddress);
                    status |= (int) MEMORY_SET.invokeExact(cMemory, cAddress);
                    if (biasMemory != 0) {
                        status |= (int) MEMORY_SET.invokeExact(biasMemory, biasAddress);
                    }
                    if (scratchMemory != 0) {
                        status |= (int) MEMORY_SET.invokeExact(scratchMemory, scratch);
                    }
                    status |= (int) EXECUTE.invokeExact(primitive, stream, count, arguments);
                    check(status, "multiply");
                } catch (RuntimeException | Error e) {
                    throw e;
                } catch (Throwable e) {
                    throw new IllegalStateException(e);
                }
            }

            void close() {
                for (long memory : new long[] {aMemory, bMemory, cMemory, biasMemory, scratchMemory}) {
                    if (memory != 0) {
                        check(call(() -> (int) MEMORY_DESTROY.invokeExact(memory)), "free a memory object");
                    }
                }
                arena.close();
            }
        }
    }
}
