// y[o][i] (+)= Σᵣ x[o][r][i], with x of shape [outer, reduce, inner].
//
// Where `reduce` is long it is cut into chunks of fixed length, a block each, and the partial sums
// [outer][chunks][inner] go through the same kernel once more: two launches, for blocks of one launch do not wait for
// each other. Chunks, and with them the order of summing, depend on the shape alone.
#include "common.cuh"

// inner > 1. Threads run along inner in x, runs of four each if `vector`; those of a column in y take every
// blockDim.y-th row of the chunk. Grid: x over columns and outer, y over chunks.
extern "C" __global__ void __launch_bounds__(256)
sum_columns(float* y, const float* x, int outer, int reduce, int inner, int chunk, int vector, int add) {
    int across = gridDim.x / outer, o = blockIdx.x / across;
    int begin = blockIdx.y * chunk, end = min(begin + chunk, reduce);
    auto addUp = [=](auto width) {
        constexpr int V = decltype(width)::value;
        int c = V * (blockIdx.x % across * blockDim.x + threadIdx.x);
        Run<V> sums[1] = {};
        if (c < inner) {
            for (int r = begin + threadIdx.y; r < end; r += blockDim.y) {
                sums[0] = sums[0] + load<V>(x + (static_cast<int64>(o) * reduce + r) * inner + c);
            }
        }
        downColumn(sums);
        if (threadIdx.y == 0 && c < inner) {
            put(y + (static_cast<int64>(o) * gridDim.y + blockIdx.y) * inner + c, sums[0], add);
        }
    };
    if (vector) addUp(Width<4>());
    else addUp(Width<1>());
}

// inner = 1. The threads of a block in x share a row's chunk, rows lie in y. Grid: rows, chunks.
extern "C" __global__ void __launch_bounds__(256)
sum_rows(float* y, const float* x, int outer, int reduce, int chunk, int add) {
    int begin = blockIdx.y * chunk, end = min(begin + chunk, reduce);
    auto addUp = [=](auto width) {
        constexpr int V = decltype(width)::value;
        eachRow(outer, [=](int o) {
            const float* row = x + static_cast<int64>(o) * reduce;
            Run<V> sums = {};
            for (int r = begin + V * threadIdx.x; r < end; r += V * blockDim.x) sums = sums + load<V>(row + r);
            float sum = sums.at[0];
            if constexpr (V == 4) sum = sum + sums.at[1] + (sums.at[2] + sums.at[3]);
            sum = overRow<Sum>(sum);
            if (threadIdx.x == 0) put(y + static_cast<int64>(o) * gridDim.y + blockIdx.y, Run<1>{sum}, add);
        });
    };
    if (aligned(x) && reduce % 4 == 0) addUp(Width<4>());  // chunks are multiples of four
    else addUp(Width<1>());
}
