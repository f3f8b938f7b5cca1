// Softmax of rows, forward and backward, and cross-entropy over a vocabulary.
//
// Blocks of 32 × 4 threads, a warp a row, up to 512 columns; one row a block of up to 512 threads beyond. A row stays
// in registers up to 8192 columns. Maximum and sum come in one pass over the row (Milakov and Gimelshein 2018): when a
// larger number turns up, the sum so far is scaled down to it.
#include "common.cuh"

// The largest number so far and Σ exp(number − largest).
struct Online {
    float largest = LOWEST, sum = 0;

    template <int V>
    __device__ __forceinline__ void add(Run<V> run) {
        float before = largest;
        map(run, [&](float v) { return largest = fmaxf(largest, v); });
        sum *= expf(before - largest);
        map(run, [&](float v) { return sum += expf(v - largest); });
    }

    // Joins what the threads of a row have seen.
    __device__ __forceinline__ void join() {
        float before = largest;
        largest = overRow<Max>(largest);
        sum = overRow<Sum>(sum * expf(before - largest));
    }
};

extern "C" __global__ void __launch_bounds__(512)
softmax(float* y, const float* x, int rows, int columns) {
    auto work = [=](auto width) {
        constexpr int V = decltype(width)::value;
        eachRow(rows, [&](int r) {
            int64 start = static_cast<int64>(r) * columns;
            Row<V> row(x + start, columns);
            Online seen;
            eachRun<V>(columns, [&](int, Run<V> run) { seen.add(run); }, row);
            seen.join();
            eachRun<V>(columns, [&](int c, Run<V> run) {
                store(y + start + c, map(run, [&](float v) { return expf(v - seen.largest) / seen.sum; }));
            }, row);
        });
    };
    if (aligned(y, x) && columns % 4 == 0) work(Width<4>());
    else work(Width<1>());
}

// dx (+)= y · (dy − Σ dy · y).
extern "C" __global__ void __launch_bounds__(512)
softmax_backward(float* dx, const float* dy, const float* y, int rows, int columns, int add) {
    auto work = [=](auto width) {
        constexpr int V = decltype(width)::value;
        eachRow(rows, [&](int r) {
            int64 start = static_cast<int64>(r) * columns;
            Row<V> dyRow(dy + start, columns), yRow(y + start, columns);
            float sum = 0;
            eachRun<V>(columns, [&](int, Run<V> d, Run<V> p) {
                map(d, p, [&](float a, float b) { return sum += a * b; });
            }, dyRow, yRow);
            sum = overRow<Sum>(sum);
            eachRun<V>(columns, [&](int c, Run<V> d, Run<V> p) {
                put(dx + start + c, map(d, p, [=](float a, float b) { return b * (a - sum); }), add);
            }, dyRow, yRow);
        });
    };
    if (aligned(dx, dy, y) && columns % 4 == 0) work(Width<4>());
    else work(Width<1>());
}

// losses[r] = log Σ exp(logits[r]) − logits[r][label] and, unless null, dlogits[r] = scale · (softmax − onehot(label));
// zero for an ignored label, whose logits are not read. The thread that meets the label in its own runs writes the
// loss, so dlogits may be logits itself: nobody reads what another thread writes.
extern "C" __global__ void __launch_bounds__(512)
cross_entropy(float* losses, float* dlogits, const float* logits, const int* labels, int rows, int columns, float scale,
              int ignored) {
    auto work = [=](auto width) {
        constexpr int V = decltype(width)::value;
        eachRow(rows, [&](int r) {
            int64 start = static_cast<int64>(r) * columns;
            int label = labels[r];
            if (label == ignored) {
                if (threadIdx.x == 0) losses[r] = 0;
                if (dlogits) {
                    for (int c = V * threadIdx.x; c < columns; c += V * blockDim.x) {
                        store(dlogits + start + c, Run<V>{});
                    }
                }
                return;
            }
            Row<V> row(logits + start, columns);
            Online seen;
            float chosen = 0;
            eachRun<V>(columns, [&](int c, Run<V> run) {
                seen.add(run);
#pragma unroll
                for (int v = 0; v < V; v++) chosen = c + v == label ? run.at[v] : chosen;
            }, row);
            seen.join();
            if (label / V % blockDim.x == threadIdx.x) losses[r] = logf(seen.sum) + (seen.largest - chosen);
            if (dlogits) {
                float factor = scale / seen.sum;
                eachRun<V>(columns, [&](int c, Run<V> run) {
                    auto gradient = map(run, [&](float v) { return factor * expf(v - seen.largest); });
#pragma unroll
                    for (int v = 0; v < V; v++) gradient.at[v] -= c + v == label ? scale : 0;
                    store(dlogits + start + c, gradient);
                }, row);
            }
        });
    };
    if (aligned(dlogits, logits) && columns % 4 == 0) work(Width<4>());
    else work(Width<1>());
}
