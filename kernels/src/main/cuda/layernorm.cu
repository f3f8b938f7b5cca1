// Layer normalisation of rows, forward and backward. With xhat = (x − mean) · rstd:
//
//   y      = xhat · gamma + beta                               rstd = 1 / √(variance + epsilon)
//   dx     = rstd · (g − mean(g) − xhat · mean(g · xhat))      g = dy · gamma
//   dgamma = Σ over rows of dy · xhat,  dbeta = Σ over rows of dy
//
// A row has a thread for every 16 of its numbers, in whole warps: up to 512 columns one warp. A block has up to four such
// rows, of at most 512 threads together. A row stays in registers between the passes over it, and so do gamma and beta
// from row to row; the rows of a block share what they read of those two. So each number is read once, and gamma and
// beta once for every four rows.
#include "common.cuh"

// Where the rows of a block pass on gamma and beta: both, `columns` numbers each, if the block has more than one row.
__device__ __forceinline__ float* passed() {
    extern __shared__ __align__(16) float numbers[];
    return numbers;
}

// Calls body(r, exists) for the rows of this block. All its threads make the same rounds, because of the barriers in the
// body; a row that does not exist stands for the last one, which then must not be written.
template <class Body>
__device__ __forceinline__ void eachRowTogether(int rows, Body body) {
#pragma unroll 1
    for (int first = blockIdx.x * blockDim.y; first < rows; first += gridDim.x * blockDim.y) {
        int r = first + threadIdx.y;
        body(min(r, rows - 1), r < rows);
    }
}

// makeRow(start, exists) gives the row that begins at that index.
template <int V, class MakeRow>
__device__ __forceinline__ void normalise(float* y, float* means, float* rstds, const float* gamma, const float* beta,
                                          int rows, int columns, float epsilon, MakeRow makeRow) {
    Row<V> gammas(gamma, columns, passed()), betas(beta, columns, passed() + columns);
    eachRowTogether(rows, [&](int r, bool exists) {
        Row<V> row = makeRow(static_cast<int64>(r) * columns, exists);
        float sum = 0, squares = 0;
        eachRun<V>(columns, [&](int, Run<V> run) { map(run, [&](float v) { return sum += v; }); }, row);
        float mean = overRow<Sum>(sum) / columns;
        eachRun<V>(columns, [&](int, Run<V> run) {
            map(run, [&](float v) { return squares += (v - mean) * (v - mean); });
        }, row);
        float rstd = 1 / sqrtf(overRow<Sum>(squares) / columns + epsilon);
        eachRun<V>(columns, [&](int c, Run<V> run, Run<V> g, Run<V> b) {
            auto xhat = map(run, [=](float v) { return (v - mean) * rstd; });
            if (exists) store(y + static_cast<int64>(r) * columns + c, xhat * g + b);
        }, row, gammas, betas);
        if (exists && threadIdx.x == 0) means[r] = mean, rstds[r] = rstd;
    });
}

extern "C" __global__ void __launch_bounds__(512)
layer_norm(float* y, float* means, float* rstds, const float* x, const float* gamma, const float* beta, int rows,
           int columns, float epsilon) {
    auto run = [=](auto width) {
        constexpr int V = decltype(width)::value;
        normalise<V>(y, means, rstds, gamma, beta, rows, columns, epsilon,
                     [=](int64 start, bool) { return Row<V>(x + start, columns); });
    };
    if (aligned(y, x, gamma, beta) && columns % 4 == 0) run(Width<4>());
    else run(Width<1>());
}

// sum = a + b, and layer_norm of it, which finds the sums in registers, or else in sum, where the same thread wrote
// them.
extern "C" __global__ void __launch_bounds__(512)
add_layer_norm(float* y, float* sum, float* means, float* rstds, const float* a, const float* b, const float* gamma,
               const float* beta, int rows, int columns, float epsilon) {
    auto run = [=](auto width) {
        constexpr int V = decltype(width)::value;
        normalise<V>(y, means, rstds, gamma, beta, rows, columns, epsilon, [=](int64 start, bool exists) {
            Row<V> row(sum + start, 0);
            int c = V * threadIdx.x;
#pragma unroll
            for (int k = 0; k < Row<V>::RUNS; k++, c += V * blockDim.x) {
                if (c < columns) {
                    row.held[k] = load<V>(a + start + c) + load<V>(b + start + c);
                    if (exists) store(sum + start + c, row.held[k]);
                }
            }
#pragma unroll 1
            for (; c < columns; c += V * blockDim.x) {
                if (exists) store(sum + start + c, load<V>(a + start + c) + load<V>(b + start + c));
            }
            return row;
        });
    };
    if (aligned(y, sum, a, b, gamma, beta) && columns % 4 == 0) run(Width<4>());
    else run(Width<1>());
}

// dx (+)=.
extern "C" __global__ void __launch_bounds__(512)
layer_norm_backward(float* dx, const float* dy, const float* x, const float* means, const float* rstds,
                    const float* gamma, int rows, int columns, int add) {
    auto differentiate = [=](auto width) {
        constexpr int V = decltype(width)::value;
        Row<V> gammas(gamma, columns, passed());
        eachRowTogether(rows, [&](int r, bool exists) {
            int64 start = static_cast<int64>(r) * columns;
            float mean = means[r], rstd = rstds[r];
            Row<V> dyRow(dy + start, columns), xRow(x + start, columns);
            float sum = 0, product = 0;
            eachRun<V>(columns, [&](int, Run<V> d, Run<V> v, Run<V> g) {
                map(d * g, v, [&](float a, float b) { return sum += a, product += a * ((b - mean) * rstd); });
            }, dyRow, xRow, gammas);
            float meanG = overRow<Sum>(sum) / columns, meanGX = overRow<Sum>(product) / columns;
            eachRun<V>(columns, [&](int c, Run<V> d, Run<V> v, Run<V> g) {
                auto run = map(d * g, v, [=](float a, float b) {
                    return rstd * (a - meanG - (b - mean) * rstd * meanGX);
                });
                if (exists) put(dx + start + c, run, add);
            }, dyRow, xRow, gammas);
        });
    };
    if (aligned(dx, dy, x, gamma) && columns % 4 == 0) differentiate(Width<4>());
    else differentiate(Width<1>());
}

// Partial sums over one chunk of rows per y of the grid: dgamma[chunk][c] (+)= Σ dy · xhat and dbeta[chunk][c] (+)= Σ
// dy, either of which may be null. With more than one chunk `sum_columns` adds up the chunks. Blocks as in
// `sum_columns`.
extern "C" __global__ void __launch_bounds__(256)
layer_norm_parameters(float* dgamma, float* dbeta, const float* dy, const float* x, const float* means,
                      const float* rstds, int rows, int columns, int chunk, int vector, int addGamma, int addBeta) {
    int begin = blockIdx.y * chunk, end = min(begin + chunk, rows);
    auto addUp = [=](auto width) {
        constexpr int V = decltype(width)::value;
        int c = V * (blockIdx.x * blockDim.x + threadIdx.x);
        Run<V> sums[2] = {};  // of gamma and beta
        if (c < columns) {
            for (int r = begin + threadIdx.y; r < end; r += blockDim.y) {
                int64 i = static_cast<int64>(r) * columns + c;
                float mean = means[r], rstd = rstds[r];
                auto d = load<V>(dy + i);
                if (dgamma) sums[0] = sums[0] + d * map(load<V>(x + i), [=](float v) { return (v - mean) * rstd; });
                sums[1] = sums[1] + d;
            }
        }
        downColumn(sums);
        if (threadIdx.y == 0 && c < columns) {
            int64 target = static_cast<int64>(blockIdx.y) * columns + c;
            if (dgamma) put(dgamma + target, sums[0], addGamma);
            if (dbeta) put(dbeta + target, sums[1], addBeta);
        }
    };
    if (vector) addUp(Width<4>());
    else addUp(Width<1>());
}
