package lorikeet.kernels.cpu;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static lorikeet.kernels.CLibrary.call;
import static lorikeet.kernels.cpu.OneDnn.check;
import static lorikeet.kernels.cpu.OneDnn.create;
import static lorikeet.kernels.cpu.OneDnn.status;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import lorikeet.kernels.CLibrary;
import lorikeet.kernels.DType;

/**
 * A matrix product that oneDNN has compiled. Compiling takes a millisecond or more, so the number of rows, which changes
 * from batch to batch, is left open where the library can do without it: for bf16.
 */
final class Matmul {
    private static final int F32 = 3, BF16 = 2;
    private static final int SRC = 1, DST = 17, WEIGHTS = 33, BIAS = 41, SCRATCHPAD = 80;
    private static final int SCRATCHPAD_USER = 1, ELTWISE_LINEAR = 38;
    private static final int QUERY_WEIGHTS = 131, QUERY_SCRATCHPAD = 136, QUERY_IMPLEMENTATION = 8;
    private static final int FORMAT_ANY = 1;
    /** Instead of a size or stride: known only when the product is run. */
    private static final long RUNTIME = Long.MIN_VALUE;
    /** The largest k with which bf16 rows come out right whatever their number: alone, and added to c. See {@link #rightAtOnce}. */
    private static final int RIGHT_K = 1024, RIGHT_K_ADDED = 512;
    /** Rows that fill tiles of AMX whole, however they are put together. */
    static final int WHOLE_TILES = 64;

    private static final MethodHandle MD_CREATE =
            status("dnnl_memory_desc_create_with_strides", ADDRESS, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS);
    private static final MethodHandle MD_CREATE_WITH_TAG =
            status("dnnl_memory_desc_create_with_tag", ADDRESS, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT);
    private static final MethodHandle MD_DESTROY = status("dnnl_memory_desc_destroy", JAVA_LONG);
    private static final MethodHandle MD_SIZE =
            OneDnn.function("dnnl_memory_desc_get_size", FunctionDescriptor.of(JAVA_LONG, JAVA_LONG));
    private static final MethodHandle MEMORY_CREATE =
            status("dnnl_memory_create", ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle MEMORY_DESTROY = status("dnnl_memory_destroy", JAVA_LONG);
    private static final MethodHandle MEMORY_SET = status("dnnl_memory_set_data_handle", JAVA_LONG, JAVA_LONG);
    private static final MethodHandle ATTR_CREATE = status("dnnl_primitive_attr_create", ADDRESS);
    private static final MethodHandle ATTR_DESTROY = status("dnnl_primitive_attr_destroy", JAVA_LONG);
    private static final MethodHandle ATTR_SCRATCHPAD =
            status("dnnl_primitive_attr_set_scratchpad_mode", JAVA_LONG, JAVA_INT);
    private static final MethodHandle ATTR_POST_OPS = status("dnnl_primitive_attr_set_post_ops", JAVA_LONG, JAVA_LONG);
    private static final MethodHandle POST_OPS_CREATE = status("dnnl_post_ops_create", ADDRESS);
    private static final MethodHandle POST_OPS_DESTROY = status("dnnl_post_ops_destroy", JAVA_LONG);
    private static final MethodHandle APPEND_SUM =
            status("dnnl_post_ops_append_sum", JAVA_LONG, JAVA_FLOAT, JAVA_INT, JAVA_INT);
    private static final MethodHandle APPEND_ELTWISE =
            status("dnnl_post_ops_append_eltwise", JAVA_LONG, JAVA_INT, JAVA_FLOAT, JAVA_FLOAT);
    private static final MethodHandle MATMUL_CREATE = status("dnnl_matmul_primitive_desc_create", ADDRESS, JAVA_LONG,
            JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle REORDER_CREATE =
            status("dnnl_reorder_primitive_desc_create", ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG,
                    JAVA_LONG);
    private static final MethodHandle PD_DESTROY = status("dnnl_primitive_desc_destroy", JAVA_LONG);
    private static final MethodHandle PD_MD = OneDnn.function("dnnl_primitive_desc_query_md",
            FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT));
    private static final MethodHandle PD_QUERY =
            status("dnnl_primitive_desc_query", JAVA_LONG, JAVA_INT, JAVA_INT, ADDRESS);
    private static final MethodHandle PRIMITIVE_CREATE = status("dnnl_primitive_create", ADDRESS, JAVA_LONG);
    private static final MethodHandle PRIMITIVE_DESTROY = status("dnnl_primitive_destroy", JAVA_LONG);
    private static final MethodHandle EXECUTE =
            status("dnnl_primitive_execute", JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_LONG);

    /**
     * c = alpha · a b (+ c), or a b + a row that is added to each, with {@code rows} × {@code k} and k × {@code columns}
     * operands of {@code type}; strides are in elements, one of each operand's is 1. Where both of b's are 0, b is packed:
     * in an order of the library's choice.
     */
    record Product(DType type, int rows, int columns, int k, long aRow, long aColumn, long bRow, long bColumn,
            long cRow, float alpha, boolean add, boolean bias) {

        Product {
            if (bias && (alpha != 1 || add)) {
                throw new IllegalArgumentException("a bias is added to the product alone");
            }
            if (add && !addsRightly(type, k)) {
                throw new IllegalArgumentException("a sum of " + k + " terms of bf16 is not added to c");
            }
            if (rows < 0 && aColumn == 1 && aRow != k) {
                // oneDNN 3.13 accepts it, and reads the rows as if there were nothing between them.
                throw new IllegalArgumentException("rows of bf16 must lie side by side: " + k + ", " + aRow + " apart");
            }
        }

        boolean packed() {
            return bRow == 0;
        }

        /** The product that chooses the order of a packed b for all that share it. */
        Product leader() {
            return new Product(type, rows, columns, k, k, 1, 0, 0, columns, 1, false, false);
        }

        /**
         * Whether oneDNN 3.13 adds a product to what lies in c rightly. With open rows and a larger k it goes over blocks of k, and
         * rows of c that two of its tiles share count more than once.
         */
        static boolean addsRightly(DType type, int k) {
            return type != DType.BF16 || k <= RIGHT_K_ADDED;
        }

        /** For how many rows a product of {@code rows} rows is compiled: in bf16 for any number, -1. */
        static int compiledRows(DType type, int rows) {
            return type == DType.BF16 ? -1 : rows;
        }
    }

    final long scratchBytes;
    /** Bytes of operand b. */
    final long bBytes;
    private final Product product;
    private final long engine;
    private final long b, scratchpad;
    private final long descriptor, primitive;
    private final Binding[] bindings;

    /**
     * @param product with {@link Product#compiledRows}
     * @param leader  the product whose order of b this one takes, or null
     */
    Matmul(long engine, Product product, Matmul leader, int workers) {
        this.engine = engine;
        this.product = product;
        bindings = new Binding[2 * workers];
        long chosen = product.packed()
                ? anyLayout(product.k, product.columns)
                : matrix(product.k, product.columns, product.type, product.bRow, product.bColumn);
        long layout = leader == null ? chosen : leader.b;
        long rows = product.rows < 0 ? RUNTIME : product.rows;
        long a = matrix(rows, product.k, product.type, product.aRow, product.aColumn);
        long c = matrix(rows, product.columns, DType.F32, product.cRow, 1);
        long row = product.bias ? matrix(1, product.columns, DType.F32, product.columns, 1) : 0;
        long attributes = attributes(product);
        descriptor = create("a matrix product " + product,
                r -> (int) MATMUL_CREATE.invokeExact(r, engine, a, layout, row, c, attributes));
        primitive = create("a primitive", r -> (int) PRIMITIVE_CREATE.invokeExact(r, descriptor));
        check(call(() -> (int) ATTR_DESTROY.invokeExact(attributes)), "free attributes");
        freeMatrix(a);
        freeMatrix(chosen);
        freeMatrix(c);
        if (product.bias) {
            freeMatrix(row);
        }
        b = call(() -> (long) PD_MD.invokeExact(descriptor, QUERY_WEIGHTS, 0));
        bBytes = call(() -> (long) MD_SIZE.invokeExact(b));
        scratchpad = call(() -> (long) PD_MD.invokeExact(descriptor, QUERY_SCRATCHPAD, 0));
        scratchBytes = call(() -> (long) MD_SIZE.invokeExact(scratchpad));
    }

    private static long matrix(long rows, long columns, DType type, long rowStride, long columnStride) {
        try (var arena = Arena.ofConfined()) {
            var dims = arena.allocateFrom(JAVA_LONG, rows, columns);
            var strides = arena.allocateFrom(JAVA_LONG, rowStride, columnStride);
            int number = type == DType.BF16 ? BF16 : F32;
            return create("a memory descriptor", r -> (int) MD_CREATE.invokeExact(r, 2, dims, number, strides));
        }
    }

    /** A bf16 matrix in whatever order the product likes best. */
    private static long anyLayout(long rows, long columns) {
        try (var arena = Arena.ofConfined()) {
            var dims = arena.allocateFrom(JAVA_LONG, rows, columns);
            return create("a memory descriptor",
                    r -> (int) MD_CREATE_WITH_TAG.invokeExact(r, 2, dims, BF16, FORMAT_ANY));
        }
    }

    private static void freeMatrix(long descriptor) {
        check(call(() -> (int) MD_DESTROY.invokeExact(descriptor)), "free a descriptor");
    }

    private static long attributes(Product product) {
        long attributes = create("attributes", r -> (int) ATTR_CREATE.invokeExact(r));
        check(call(() -> (int) ATTR_SCRATCHPAD.invokeExact(attributes, SCRATCHPAD_USER)), "set the scratchpad mode");
        if (product.alpha != 1 || product.add) {
            long ops = create("post-ops", r -> (int) POST_OPS_CREATE.invokeExact(r));
            if (product.alpha != 1) {
                check(call(() -> (int) APPEND_ELTWISE.invokeExact(ops, ELTWISE_LINEAR, product.alpha, 0f)), "scale");
            }
            if (product.add) {
                check(call(() -> (int) APPEND_SUM.invokeExact(ops, 1f, 0, 0)), "accumulate");
            }
            check(call(() -> (int) ATTR_POST_OPS.invokeExact(attributes, ops)), "set post-ops");
            check(call(() -> (int) POST_OPS_DESTROY.invokeExact(ops)), "free post-ops");
        }
        return attributes;
    }

    int columns() {
        return product.columns;
    }

    /** Multiplies {@code rows} rows in the calling thread, which is worker {@code worker}. */
    void run(long stream, int worker, int rows, long c, long a, long b, long bias, long scratch) {
        for (int from = 0, count; from < rows; from += count) {
            count = rightAtOnce(rows - from);
            if (count < WHOLE_TILES && rows > WHOLE_TILES) { // some rows twice cost less than to read b for each part
                from = rows - WHOLE_TILES;
                count = WHOLE_TILES;
            }
            runAtOnce(stream, worker, count, c + 4L * from * product.cRow,
                    a + (long) product.type.bytes() * from * product.aRow, b, bias, scratch);
        }
    }

    /**
     * How many of {@code rows} rows oneDNN 3.13 multiplies right together. With a number of rows that was left open and a larger
     * k, its tiles overlap in the last rows, which then get part of their sums twice, unless they are whole tiles or very few.
     */
    private int rightAtOnce(int rows) {
        if (product.rows >= 0 || product.k <= RIGHT_K || rows < 8) {
            return rows;
        }
        return rows >= WHOLE_TILES ? rows & -WHOLE_TILES : Integer.highestOneBit(rows);
    }

    private void runAtOnce(long stream, int worker, int rows, long c, long a, long b, long bias, long scratch) {
        int place = 2 * worker + (rows == WHOLE_TILES ? 1 : 0); // last rows and those before them by turns
        var mine = bindings[place];
        if (mine == null || mine.rows != rows) {
            if (mine != null) {
                mine.close();
            }
            mine = bindings[place] = new Binding(rows);
        }
        mine.run(stream, c, a, b, bias, scratch);
    }

    /** Writes F32 numbers as this product's packed operand b, in the calling thread. Strides are in elements. */
    void pack(long stream, long target, long source, long rowStride, long columnStride) {
        long from = matrix(product.k, product.columns, DType.F32, rowStride, columnStride);
        long reorder = create("a reorder",
                r -> (int) REORDER_CREATE.invokeExact(r, from, engine, b, engine, 0L));
        long packing = create("a primitive", r -> (int) PRIMITIVE_CREATE.invokeExact(r, reorder));
        long read = create("a memory object", r -> (int) MEMORY_CREATE.invokeExact(r, from, engine, source));
        long written = create("a memory object", r -> (int) MEMORY_CREATE.invokeExact(r, b, engine, target));
        try (var arena = Arena.ofConfined()) {
            var list = arena.allocate(2 * 16, 8);
            argument(list, 0, SRC, read);
            argument(list, 1, DST, written);
            check(call(() -> (int) EXECUTE.invokeExact(packing, stream, 2, list.address())), "pack a matrix");
        }
        check(call(() -> (int) MEMORY_DESTROY.invokeExact(read)), "free a memory object");
        check(call(() -> (int) MEMORY_DESTROY.invokeExact(written)), "free a memory object");
        check(call(() -> (int) PRIMITIVE_DESTROY.invokeExact(packing)), "free a primitive");
        check(call(() -> (int) PD_DESTROY.invokeExact(reorder)), "free a descriptor");
        freeMatrix(from);
    }

    /** Fills entry {@code i} of an array of {@code dnnl_exec_arg_t}. */
    private static void argument(MemorySegment list, int i, int role, long memory) {
        list.set(JAVA_INT, 16L * i, role);
        list.set(JAVA_LONG, 16L * i + 8, memory);
    }

    /** What the library calls the code it chose, such as {@code brg_matmul:avx512_core}. */
    String implementation() {
        try (var arena = Arena.ofConfined()) {
            var result = arena.allocate(ADDRESS);
            check(call(() -> (int) PD_QUERY.invokeExact(descriptor, QUERY_IMPLEMENTATION, 0, result)), "name itself");
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
    }

    /** One worker's memory objects, for one number of rows, and the argument list that names them. */
    private final class Binding {
        final int rows;
        private final long aMemory, bMemory, cMemory, scratchMemory;
        /** 0 without a bias. */
        private final long biasMemory;
        private final Arena arena = Arena.ofShared();
        private final long arguments;

        Binding(int rows) {
            this.rows = rows;
            long a = matrix(rows, product.k, product.type, product.aRow, product.aColumn);
            long c = matrix(rows, product.columns, DType.F32, product.cRow, 1);
            aMemory = memory(a);
            bMemory = memory(b);
            cMemory = memory(c);
            scratchMemory = memory(scratchpad);
            freeMatrix(a);
            freeMatrix(c);
            var list = arena.allocate(5 * 16, 8);
            argument(list, 0, SRC, aMemory);
            argument(list, 1, WEIGHTS, bMemory);
            argument(list, 2, DST, cMemory);
            argument(list, 3, SCRATCHPAD, scratchMemory);
            if (product.bias) {
                long row = matrix(1, product.columns, DType.F32, product.columns, 1);
                biasMemory = memory(row);
                freeMatrix(row);
                argument(list, 4, BIAS, biasMemory);
            } else {
                biasMemory = 0;
            }
            arguments = list.address();
        }

        private long memory(long descriptor) {
            return create("a memory object", r -> (int) MEMORY_CREATE.invokeExact(r, descriptor, engine, 0L));
        }

        void run(long stream, long c, long a, long b, long bias, long scratch) {
            try {
                int status = (int) MEMORY_SET.invokeExact(aMemory, a);
                status |= (int) MEMORY_SET.invokeExact(bMemory, b);
                status |= (int) MEMORY_SET.invokeExact(cMemory, c);
                status |= (int) MEMORY_SET.invokeExact(scratchMemory, scratch);
                if (product.bias) {
                    status |= (int) MEMORY_SET.invokeExact(biasMemory, bias);
                }
                status |= (int) EXECUTE.invokeExact(primitive, stream, product.bias ? 5 : 4, arguments);
                check(status, "multiply");
            } catch (Throwable e) {
                throw CLibrary.unexpected(e);
            }
        }

        void close() {
            for (long memory : new long[] {aMemory, bMemory, cMemory, scratchMemory, biasMemory}) {
                if (memory != 0) {
                    check(call(() -> (int) MEMORY_DESTROY.invokeExact(memory)), "free a memory object");
                }
            }
            arena.close();
        }
    }
}
