// Rows that move, repeat, or meet one row: y[r][c] from x of some other row, or from a row that all share.
//
// Threads run along columns in x and along rows in y, both as grid-stride loops. The host makes a block as wide as the
// rows need, up to 256 threads, and fills up with rows: neighbouring threads touch neighbouring numbers either way.
// Where rows share something, there is a thread for every four rows: it keeps its columns while it walks down the rows,
// and reads what they share once.
#include "common.cuh"

#define KERNEL extern "C" __global__ void __launch_bounds__(256)

// y[r][c] = x[r][c] + bias[c].
KERNEL add_bias(float* y, const float* x, const float* bias, int rows, int columns) {
    sweepColumns(columns, aligned(y, x, bias), [=](auto width, int c) {
        constexpr int V = decltype(width)::value;
        auto b = load<V>(bias + c);
#pragma unroll 4
        for (int r = firstRow(); r < rows; r += rowStep()) {
            int64 i = static_cast<int64>(r) * columns + c;
            store(y + i, load<V>(x + i) + b);
        }
    });
}

// y[r][c] (+)= x[r][c] · row[c].
KERNEL multiply_row(float* y, const float* x, const float* row, int rows, int columns, int add) {
    sweepColumns(columns, aligned(y, x, row), [=](auto width, int c) {
        constexpr int V = decltype(width)::value;
        auto factor = load<V>(row + c);
#pragma unroll 2
        for (int r = firstRow(); r < rows; r += rowStep()) {
            int64 i = static_cast<int64>(r) * columns + c;
            put(y + i, load<V>(x + i) * factor, add);
        }
    });
}

// y[o][k][c] (+)= x[o][c] for k < repeat; y has `rows` = outer · repeat rows of `columns` numbers, `yStride` apart.
KERNEL broadcast(float* y, const float* x, int rows, int repeat, int columns, int yStride, int add) {
    sweepColumns(columns, aligned(y, x) && yStride % 4 == 0, [=](auto width, int c) {
        constexpr int V = decltype(width)::value;
        Run<V> run;
#pragma unroll 1
        for (int r = firstRow(), have = -1; r < rows; r += rowStep()) {
            int row = r / repeat;
            if (row != have) {
                run = load<V>(x + static_cast<int64>(row) * columns + c);
                have = row;
            }
            put(y + static_cast<int64>(r) * yStride + c, run, add);
        }
    });
}

// y[r][c] (+)= x[r][c] for two strided matrices.
KERNEL copy_matrix(float* y, const float* x, int rows, int columns, int yStride, int xStride, int add) {
    sweepColumns(columns, aligned(y, x) && ((yStride | xStride) & 3) == 0, [=](auto width, int c) {
        constexpr int V = decltype(width)::value;
#pragma unroll 1
        for (int r = firstRow(); r < rows; r += rowStep()) {
            put(y + static_cast<int64>(r) * yStride + c, load<V>(x + static_cast<int64>(r) * xStride + c), add);
        }
    });
}

// The bf16 twin of strided F32 matrices, or the other way round: operands for cuBLAS. z of the grid runs over the
// batch.
template <class Y, class X>
__device__ __forceinline__ void convertMatrix(Y* y, const X* x, int rows, int columns, int yStride, int xStride,
                                              int batch, int64 yBatchStride, int64 xBatchStride) {
    bool vector = aligned(y) && aligned(x) && ((yStride | xStride | yBatchStride | xBatchStride) & 3) == 0;
    for (int b = blockIdx.z; b < batch; b += gridDim.z) {
        sweepColumns(columns, vector, [=](auto width, int c) {
            constexpr int V = decltype(width)::value;
    #pragma unroll 1
        for (int r = firstRow(); r < rows; r += rowStep()) {
                auto run = load<V>(x + b * xBatchStride + static_cast<int64>(r) * xStride + c);
                store(y + b * yBatchStride + static_cast<int64>(r) * yStride + c, run);
            }
        });
    }
}

KERNEL narrow_matrix(bf16* y, const float* x, int rows, int columns, int yStride, int xStride, int batch,
                     int64 yBatchStride, int64 xBatchStride) {
    convertMatrix(y, x, rows, columns, yStride, xStride, batch, yBatchStride, xBatchStride);
}

KERNEL widen_matrix(float* y, const bf16* x, int rows, int columns, int yStride, int xStride, int batch,
                    int64 yBatchStride, int64 xBatchStride) {
    convertMatrix(y, x, rows, columns, yStride, xStride, batch, yBatchStride, xBatchStride);
}

// ---- embeddings and caches ------------------------------------------------------------------------------------------

// y[r][c] = table[ids[r]][c], for a table of floats or of bf16.
template <class T>
__device__ __forceinline__ void gatherRows(float* y, const T* table, const int* ids, int rows, int columns, int yStride,
                                           int tableStride) {
    bool vector = aligned(y) && aligned(table) && ((yStride | tableStride) & 3) == 0;
    sweepColumns(columns, vector, [=](auto width, int c) {
        constexpr int V = decltype(width)::value;
#pragma unroll 1
        for (int r = firstRow(); r < rows; r += rowStep()) {
            auto run = load<V>(table + static_cast<int64>(ids[r]) * tableStride + c);
            store(y + static_cast<int64>(r) * yStride + c, run);
        }
    });
}

KERNEL gather_f32(float* y, const float* table, const int* ids, int rows, int columns, int yStride, int tableStride) {
    gatherRows(y, table, ids, rows, columns, yStride, tableStride);
}

KERNEL gather_bf16(float* y, const bf16* table, const int* ids, int rows, int columns, int yStride, int tableStride) {
    gatherRows(y, table, ids, rows, columns, yStride, tableStride);
}

// y[ids[r]][c] = x[r][c]; no id twice.
KERNEL scatter(float* y, const int* ids, const float* x, int rows, int columns, int yStride, int xStride) {
    sweepColumns(columns, aligned(y, x) && ((yStride | xStride) & 3) == 0, [=](auto width, int c) {
        constexpr int V = decltype(width)::value;
#pragma unroll 1
        for (int r = firstRow(); r < rows; r += rowStep()) {
            store(y + static_cast<int64>(ids[r]) * yStride + c, load<V>(x + static_cast<int64>(r) * xStride + c));
        }
    });
}

// dtable[id][c] += Σ dy[order[k]][c] over the positions k of one run, which all have that id. One thread adds up a
// column of a run in ascending order and is the only one to write there: no atomics, always the same bits.
KERNEL gather_backward(float* dtable, const float* dy, const int* ids, const int* order, const int* starts, int runs,
                       int columns, int tableStride, int dyStride) {
    sweepColumns(columns, aligned(dtable, dy) && ((tableStride | dyStride) & 3) == 0, [=](auto width, int c) {
        constexpr int V = decltype(width)::value;
        for (int run = firstRow(); run < runs; run += rowStep()) {
            int begin = starts[run], end = starts[run + 1];
            auto sum = load<V>(dy + static_cast<int64>(order[begin]) * dyStride + c);
#pragma unroll 4
            for (int k = begin + 1; k < end; k++) {
                sum = sum + load<V>(dy + static_cast<int64>(order[k]) * dyStride + c);
            }
            put(dtable + static_cast<int64>(ids[order[begin]]) * tableStride + c, sum, 1);
        }
    });
}

// ---- exchange of axes -----------------------------------------------------------------------------------------------

// y[o][b][m][a][i] (+)= x[o][a][m][b][i], rows of `inner` numbers: the host uses it where inner > 1.
KERNEL transpose_rows(float* y, const float* x, int rows, int a, int middle, int b, int inner, int add) {
    sweepColumns(inner, aligned(y, x), [=](auto width, int c) {
        constexpr int V = decltype(width)::value;
#pragma unroll 1
        for (int r = firstRow(); r < rows; r += rowStep()) {  // r = ((o · b + ib) · middle + im) · a + ia
            int ia = r % a, rest = r / a;
            int im = rest % middle, ob = rest / middle;
            int ib = ob % b, o = ob / b;
            int64 from = ((static_cast<int64>(o) * a + ia) * middle + im) * b + ib;
            put(y + static_cast<int64>(r) * inner + c, load<V>(x + from * inner + c), add);
        }
    });
}

// The same for inner = 1, through tiles of 32 × 32 in shared memory: a warp reads 32 neighbours along b and writes 32
// neighbours along a. Blocks of 32 × 8 threads; x of the grid runs over tiles of b for each (o, m), y over tiles of a.
// Tile rows are 33 long, so that neither direction has bank conflicts.
KERNEL transpose_tiles(float* y, const float* x, int outer, int a, int middle, int b, int add) {
    __shared__ float tile[32][33];
    int across = gridDim.x / (outer * middle), om = blockIdx.x / across;
    int o = om / middle, m = om % middle;
    int fromA = blockIdx.y * 32, fromB = blockIdx.x % across * 32;
    for (int k = threadIdx.y; k < 32; k += 8) {
        int ia = fromA + k, ib = fromB + threadIdx.x;
        if (ia < a && ib < b) tile[k][threadIdx.x] = x[((static_cast<int64>(o) * a + ia) * middle + m) * b + ib];
    }
    __syncthreads();
    for (int k = threadIdx.y; k < 32; k += 8) {
        int ib = fromB + k, ia = fromA + threadIdx.x;
        if (ia < a && ib < b) {
            put(y + ((static_cast<int64>(o) * b + ib) * middle + m) * a + ia, Run<1>{tile[threadIdx.x][k]}, add);
        }
    }
}
