// What all kernels share: runs of one or four numbers, sums over a warp and over the threads of a row, random numbers.
//
// Conventions. Matrices are row-major. Indices that may pass 2^31 are int64; row and column numbers are int. "vector"
// says that addresses and row lengths allow access to four floats (16 bytes) at once; the same code then runs with
// runs of four instead of one. Kernels whose target may also be a source carry no __restrict__ on either.
// Sums have a fixed order: the same input gives the same bits, whatever the GPU.
#pragma once

using int64 = long long;
using bf16 = unsigned short;  // the upper half of a float

constexpr int WARP = 32;
constexpr unsigned ALL_LANES = 0xffffffffu;

// ---- runs of numbers ------------------------------------------------------------------------------------------------

// V numbers that one thread handles together; V is 1 or 4.
template <int V>
struct Run {
    float at[V];
};

template <int V>
struct Width {
    static constexpr int value = V;
};

__device__ __forceinline__ float widen(bf16 x) {
    return __uint_as_float(static_cast<unsigned>(x) << 16);
}

// To nearest, ties to even; a NaN stays one.
__device__ __forceinline__ bf16 narrow(float x) {
    unsigned bits = __float_as_uint(x);
    if ((bits & 0x7fffffffu) > 0x7f800000u) {
        return static_cast<bf16>(bits >> 16 | 0x40u);
    }
    return static_cast<bf16>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

template <int V>
__device__ __forceinline__ Run<V> load(const float* x) {
    Run<V> run;
    if constexpr (V == 4) {
        float4 four = *reinterpret_cast<const float4*>(x);
        run.at[0] = four.x, run.at[1] = four.y, run.at[2] = four.z, run.at[3] = four.w;
    } else {
        run.at[0] = *x;
    }
    return run;
}

template <int V>
__device__ __forceinline__ Run<V> load(const bf16* x) {
    Run<V> run;
    if constexpr (V == 4) {
        uint2 four = *reinterpret_cast<const uint2*>(x);
        run.at[0] = __uint_as_float(four.x << 16), run.at[1] = __uint_as_float(four.x & 0xffff0000u);
        run.at[2] = __uint_as_float(four.y << 16), run.at[3] = __uint_as_float(four.y & 0xffff0000u);
    } else {
        run.at[0] = widen(*x);
    }
    return run;
}

template <int V>
__device__ __forceinline__ void store(float* y, Run<V> run) {
    if constexpr (V == 4) {
        *reinterpret_cast<float4*>(y) = make_float4(run.at[0], run.at[1], run.at[2], run.at[3]);
    } else {
        *y = run.at[0];
    }
}

template <int V>
__device__ __forceinline__ void store(bf16* y, Run<V> run) {
    if constexpr (V == 4) {
        unsigned low = narrow(run.at[0]) | static_cast<unsigned>(narrow(run.at[1])) << 16;
        unsigned high = narrow(run.at[2]) | static_cast<unsigned>(narrow(run.at[3])) << 16;
        *reinterpret_cast<uint2*>(y) = make_uint2(low, high);
    } else {
        *y = narrow(run.at[0]);
    }
}

// The same function of each number of one, two or three runs.
template <int V, class F>
__device__ __forceinline__ Run<V> map(Run<V> a, F f) {
    Run<V> y;
#pragma unroll
    for (int v = 0; v < V; v++) y.at[v] = f(a.at[v]);
    return y;
}

template <int V, class F>
__device__ __forceinline__ Run<V> map(Run<V> a, Run<V> b, F f) {
    Run<V> y;
#pragma unroll
    for (int v = 0; v < V; v++) y.at[v] = f(a.at[v], b.at[v]);
    return y;
}

template <int V>
__device__ __forceinline__ Run<V> operator+(Run<V> a, Run<V> b) {
    return map(a, b, [](float p, float q) { return p + q; });
}

template <int V>
__device__ __forceinline__ Run<V> operator*(Run<V> a, Run<V> b) {
    return map(a, b, [](float p, float q) { return p * q; });
}

// y (+)= run.
template <int V>
__device__ __forceinline__ void put(float* y, Run<V> run, int add) {
    store(y, add ? run + load<V>(y) : run);
}

// Whether all pointers, and with them each p + 4 k, may be accessed as runs of four numbers.
template <class... T>
__device__ __forceinline__ bool aligned(const T*... p) {
    return ((reinterpret_cast<unsigned long long>(p) % (4 * sizeof(T)) == 0) & ...);
}

// ---- who does what --------------------------------------------------------------------------------------------------

// Visits 0 … n − 1 with all threads of the grid: neighbouring threads take neighbouring runs.
template <class Body>
__device__ __forceinline__ void sweep(int64 n, bool vector, Body body) {
    int64 thread = static_cast<int64>(blockIdx.x) * blockDim.x + threadIdx.x;
    int64 threads = static_cast<int64>(gridDim.x) * blockDim.x;
    int64 tail = vector ? n & ~3LL : 0;
#pragma unroll 1
    for (int64 i = 4 * thread; i < tail; i += 4 * threads) body(Width<4>(), i);
#pragma unroll 1
    for (int64 i = tail + thread; i < n; i += threads) body(Width<1>(), i);
}

// Visits the columns of a matrix in the x direction of the grid; the body visits rows with firstRow and rowStep.
template <class Body>
__device__ __forceinline__ void sweepColumns(int columns, bool vector, Body body) {
    int thread = blockIdx.x * blockDim.x + threadIdx.x;
    int threads = gridDim.x * blockDim.x;
    if (vector && columns % 4 == 0) {
#pragma unroll 1
        for (int c = 4 * thread; c < columns; c += 4 * threads) body(Width<4>(), c);
    } else {
#pragma unroll 1
        for (int c = thread; c < columns; c += threads) body(Width<1>(), c);
    }
}

__device__ __forceinline__ int firstRow() {
    return blockIdx.y * blockDim.y + threadIdx.y;
}

__device__ __forceinline__ int rowStep() {
    return gridDim.y * blockDim.y;
}

// ---- sums -----------------------------------------------------------------------------------------------------------

constexpr float LOWEST = -3.402823466e38f;  // where a maximum starts: finite, so that LOWEST − LOWEST is 0

struct Sum {
    static __device__ __forceinline__ float neutral() { return 0; }
    static __device__ __forceinline__ float join(float a, float b) { return a + b; }
};

struct Max {
    static __device__ __forceinline__ float neutral() { return LOWEST; }
    static __device__ __forceinline__ float join(float a, float b) { return fmaxf(a, b); }
};

// Joins the values of LANES neighbouring lanes; every lane gets the result, the same bits each.
template <class Op, int LANES = WARP>
__device__ __forceinline__ float overWarp(float value) {
#pragma unroll
    for (int distance = LANES / 2; distance > 0; distance /= 2) {
        value = Op::join(value, __shfl_xor_sync(ALL_LANES, value, distance));
    }
    return value;
}

__device__ __forceinline__ float* warpValues() {
    __shared__ float warps[WARP];
    return warps;
}

// Joins one value of each thread of a row (the x direction of a block, whole warps) and gives every thread the result.
// A row of one warp needs no barrier; if it has more, all threads of the block must come by here. All calls of a kernel
// share one array: where there are several, the first barrier waits for the readers of the one before.
template <class Op, bool SEVERAL = true>
__device__ __forceinline__ float overRow(float value) {
    float* warps = warpValues();
    value = overWarp<Op>(value);
    if (blockDim.x > WARP) {
        int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP, count = blockDim.x / WARP;
        warps += threadIdx.y * count;
        if (SEVERAL) __syncthreads();
        if (lane == 0) warps[warp] = value;
        __syncthreads();
        value = overWarp<Op>(lane < count ? warps[lane] : Op::neutral());
    }
    return value;
}

// Adds up runs of each thread of a block column (the same threadIdx.x), from y = 0 upwards; the thread with y = 0 gets
// the sums. For blocks of 256 threads, once in a kernel.
template <int V, int COUNT>
__device__ __forceinline__ void downColumn(Run<V> (&sums)[COUNT]) {
    __shared__ __align__(16) float all[COUNT][256 * V];
    int mine = V * (threadIdx.y * blockDim.x + threadIdx.x);
    for (int i = 0; i < COUNT; i++) store(all[i] + mine, sums[i]);
    __syncthreads();
    if (threadIdx.y == 0) {
        for (int k = 1; k < blockDim.y; k++) {
            for (int i = 0; i < COUNT; i++) sums[i] = sums[i] + load<V>(all[i] + mine + k * V * blockDim.x);
        }
    }
}

// ---- rows in registers ----------------------------------------------------------------------------------------------

// A row of which each thread holds its first 16 numbers in registers, in runs of V: run k of thread t starts at column
// V · (t + k · blockDim.x). Rows longer than 16 · blockDim.x are read again from memory each time they are visited.
template <int V>
struct Row {
    static constexpr int RUNS = 16 / V;
    const float* from;
    Run<V> held[RUNS];

    __device__ __forceinline__ Row(const float* from, int columns) : from(from) {
#pragma unroll
        for (int k = 0; k < RUNS; k++) {
            int c = V * (threadIdx.x + k * blockDim.x);
            if (c < columns) held[k] = load<V>(from + c);
        }
    }

    // A row that all rows of a block meet: together they fetch it and pass it on through `passed`, an array of `columns`
    // numbers, so that the block reads it once.
    __device__ __forceinline__ Row(const float* from, int columns, float* passed) : from(from) {
        if (blockDim.y == 1) {
            *this = Row(from, columns);
            return;
        }
#pragma unroll 1
        for (int c = V * (threadIdx.x + threadIdx.y * blockDim.x); c < columns; c += V * blockDim.x * blockDim.y) {
            store(passed + c, load<V>(from + c));
        }
        __syncthreads();
#pragma unroll
        for (int k = 0; k < RUNS; k++) {
            int c = V * (threadIdx.x + k * blockDim.x);
            if (c < columns) held[k] = load<V>(passed + c);
        }
    }
};

// Calls body(c, run, …) with the runs that start at column c of each row, for all runs of this thread.
template <int V, class Body, class... Rows>
__device__ __forceinline__ void eachRun(int columns, Body body, const Rows&... rows) {
#pragma unroll
    for (int k = 0; k < Row<V>::RUNS; k++) {
        int c = V * (threadIdx.x + k * blockDim.x);
        if (c < columns) body(c, rows.held[k]...);
    }
#pragma unroll 1
    for (int c = V * (threadIdx.x + Row<V>::RUNS * blockDim.x); c < columns; c += V * blockDim.x) {
        body(c, load<V>(rows.from + c)...);
    }
}

// Calls body(r) for the rows of this block: one warp a row if blockDim.x is a warp, else the whole block one row.
template <class Body>
__device__ __forceinline__ void eachRow(int rows, Body body) {
#pragma unroll 1
    for (int r = blockIdx.x * blockDim.y + threadIdx.y; r < rows; r += gridDim.x * blockDim.y) body(r);
}

// ---- random numbers -------------------------------------------------------------------------------------------------

// Philox4x32-10 (Salmon et al. 2011): the four words of one block of a stream.
__device__ __forceinline__ uint4 philox(int64 seed, int64 stream, int64 block) {
    unsigned key0 = static_cast<unsigned>(seed), key1 = static_cast<unsigned>(seed >> 32);
    uint4 x = make_uint4(static_cast<unsigned>(block), static_cast<unsigned>(block >> 32),
                         static_cast<unsigned>(stream), static_cast<unsigned>(stream >> 32));
#pragma unroll
    for (int round = 0; round < 10; round++) {
        unsigned high0 = __umulhi(0xD2511F53u, x.x), low0 = 0xD2511F53u * x.x;
        unsigned high1 = __umulhi(0xCD9E8D57u, x.z), low1 = 0xCD9E8D57u * x.z;
        x = make_uint4(high1 ^ x.y ^ key0, low1, high0 ^ x.w ^ key1, low0);
        key0 += 0x9E3779B9u, key1 += 0xBB67AE85u;
    }
    return x;
}

// Element i of a stream, uniform in [0, 1).
__device__ __forceinline__ float uniform(unsigned word) {
    return static_cast<float>(word >> 8) * 0x1p-24f;
}

__device__ __forceinline__ float uniform(int64 seed, int64 stream, int64 i) {
    uint4 words = philox(seed, stream, i >> 2);
    int place = static_cast<int>(i & 3);
    return uniform(place == 0 ? words.x : place == 1 ? words.y : place == 2 ? words.z : words.w);
}
