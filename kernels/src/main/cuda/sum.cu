// y[o][i] (+)= Σᵣ x[o][r][i], with x of shape [outer, reduce, inner].
//
// Where `reduce` is long it is cut into chunks of fixed length, a block each, and the partial sums [outer][chunks][inner]
// go through the same kernel once more: two launches, for blocks of one launch do not wait for each other. Chunks, and
// with them the order of summing, depend on the shape alone.
#include "common.cuh"

// inner > 1. Threads run along inner in x; those of a column in y take every blockDim.y-th row of the chunk. Grid: columns,
// chunks, outer.
extern "C" __global__ void __launch_bounds__(256)
sum_columns(float* y, const float* x, int outer, int reduce, int inner, int chunk, int add) {
    int begin = blockIdx.y * chunk, end = min(begin + chunk, reduce);
    auto addUp = [=](auto width, int o) {
        constexpr int V = decltype(width)::value;
        int c = V * (blockIdx.x * blockDim.x + threadIdx.x);
        Run<V> sum = {};
        if (c < inner) {
            for (int r = begin + threadIdx.y; r < end; r += blockDim.y) {
                sum = sum + load<V>(x + (static_cast<int64>(o) * reduce + r) * inner + c);
            }
        }
        sum = downColumn(sum);
        if (threadIdx.y == 0 && c < inner) {
            put(y + (static_cast<int64>(o) * gridDim.y + blockIdx.y) * inner + c, sum, add);
        }
    };
    bool vector = aligned(y, x) && inner % 4 == 0;
#pragma unroll 1
    for (int o = blockIdx.z; o < outer; o += gridDim.z) {
        if (vector) addUp(Width<4>(), o);
        else addUp(Width<1>(), o);
    }
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
