// Element by element: y[i] from the numbers of the same index i in other buffers of n elements.
//
// One grid-stride loop over runs of four, or of one where an address is not a multiple of 16 bytes (a slice). Each
// number is read once and written once, so these kernels are as fast as memory. "add" adds to y instead of overwriting
// it.
#include "common.cuh"

#define KERNEL extern "C" __global__ void __launch_bounds__(256)

KERNEL add(float* y, const float* a, const float* b, int64 n) {
    sweep(n, aligned(y, a, b), [=](auto width, int64 i) {
        constexpr int V = decltype(width)::value;
        store(y + i, load<V>(a + i) + load<V>(b + i));
    });
}

KERNEL scale(float* y, const float* x, float alpha, int add, int64 n) {
    sweep(n, aligned(y, x), [=](auto width, int64 i) {
        constexpr int V = decltype(width)::value;
        put(y + i, map(load<V>(x + i), [=](float v) { return alpha * v; }), add);
    });
}

KERNEL multiply(float* y, const float* a, const float* b, int add, int64 n) {
    sweep(n, aligned(y, a, b), [=](auto width, int64 i) {
        constexpr int V = decltype(width)::value;
        put(y + i, load<V>(a + i) * load<V>(b + i), add);
    });
}

KERNEL divide(float* y, const float* a, const float* b, int add, int64 n) {
    sweep(n, aligned(y, a, b), [=](auto width, int64 i) {
        constexpr int V = decltype(width)::value;
        put(y + i, map(load<V>(a + i), load<V>(b + i), [](float p, float q) { return p / q; }), add);
    });
}

// ---- copies and conversions -----------------------------------------------------------------------------------------

KERNEL copy_f32(float* y, const float* x, int64 n) {  // I32 too: bits pass unchanged
    sweep(n, aligned(y, x), [=](auto width, int64 i) { store(y + i, load<decltype(width)::value>(x + i)); });
}

KERNEL copy_bf16(bf16* y, const bf16* x, int64 n) {
    sweep(n, aligned(y, x), [=](auto width, int64 i) {
        if constexpr (decltype(width)::value == 4) {
            *reinterpret_cast<uint2*>(y + i) = *reinterpret_cast<const uint2*>(x + i);
        } else {
            y[i] = x[i];
        }
    });
}

KERNEL narrow_to_bf16(bf16* y, const float* x, int64 n) {
    sweep(n, aligned(y, x), [=](auto width, int64 i) { store(y + i, load<decltype(width)::value>(x + i)); });
}

KERNEL widen_to_f32(float* y, const bf16* x, int64 n) {
    sweep(n, aligned(y, x), [=](auto width, int64 i) { store(y + i, load<decltype(width)::value>(x + i)); });
}

// ---- functions of one variable: y = f(x), and dx (+)= dy · f′(x) ----------------------------------------------------

struct Sigmoid {
    static __device__ __forceinline__ float value(float x) { return 1 / (1 + expf(-x)); }
    static __device__ __forceinline__ float slope(float x) { return value(x) * (1 - value(x)); }
};

// 0.5 x (1 + tanh(u)) with u = √(2/π) (x + 0.044715 x³), written as x σ(2u): nothing cancels where x is far below zero.
struct GeluTanh {
    static __device__ __forceinline__ float twice(float x) { return 1.5957691216f * (x + 0.044715f * x * x * x); }
    static __device__ __forceinline__ float value(float x) { return x / (1 + expf(-twice(x))); }
    static __device__ __forceinline__ float slope(float x) {
        x = x > 20 ? 20 : x < -20 ? -20 : x;  // where the slope is 1 or 0, before x² overflows
        float s = Sigmoid::value(twice(x));
        return s + x * s * (1 - s) * 1.5957691216f * (1 + 3 * 0.044715f * x * x);
    }
};

struct GeluErf {  // x Φ(x)
    static __device__ __forceinline__ float phi(float x) { return 0.5f * erfcf(x * -0.7071067812f); }
    static __device__ __forceinline__ float value(float x) { return x * phi(x); }
    static __device__ __forceinline__ float slope(float x) {
        return phi(x) + x * 0.3989422804f * expf(-0.5f * x * x);
    }
};

struct Relu {
    static __device__ __forceinline__ float value(float x) { return x <= 0 ? 0 : x; }  // keeps NaN
    static __device__ __forceinline__ float slope(float x) { return x > 0 ? 1 : 0; }
};

struct Silu {
    static __device__ __forceinline__ float value(float x) { return x / (1 + expf(-x)); }
    static __device__ __forceinline__ float slope(float x) {
        float s = Sigmoid::value(x);
        return s * (1 + x * (1 - s));
    }
};

struct Tanh {
    static __device__ __forceinline__ float value(float x) { return tanhf(x); }
    static __device__ __forceinline__ float slope(float x) { return 1 - value(x) * value(x); }
};

struct Sqrt {
    static __device__ __forceinline__ float value(float x) { return sqrtf(x); }
    static __device__ __forceinline__ float slope(float x) { return 0.5f / sqrtf(x); }
};

// Calls body(width, b, i) with the run b of the bias that belongs to the runs at index i of a matrix.
template <class Body>
__device__ __forceinline__ void eachBiased(bool vector, const float* bias, int rows, int columns, Body body) {
    sweepColumns(columns, vector, [=](auto width, int c) {
        auto b = load<decltype(width)::value>(bias + c);
#pragma unroll 1
        for (int r = firstRow(); r < rows; r += rowStep()) body(width, b, static_cast<int64>(r) * columns + c);
    });
}

// The same of x + bias, for matrices of which each row gets the same bias: bias_unary_….
#define UNARY(name, F)                                                                                                 \
    KERNEL unary_##name(float* y, const float* x, int64 n) {                                                           \
        sweep(n, aligned(y, x), [=](auto width, int64 i) {                                                             \
            store(y + i, map(load<decltype(width)::value>(x + i), [](float v) { return F::value(v); }));               \
        });                                                                                                            \
    }                                                                                                                  \
    KERNEL unary_##name##_backward(float* dx, const float* dy, const float* x, int add, int64 n) {                     \
        sweep(n, aligned(dx, dy, x), [=](auto width, int64 i) {                                                        \
            constexpr int V = decltype(width)::value;                                                                  \
            auto slopes = map(load<V>(x + i), [](float v) { return F::slope(v); });                                    \
            put(dx + i, load<V>(dy + i) * slopes, add);                                                                \
        });                                                                                                            \
    }                                                                                                                  \
    KERNEL bias_unary_##name(float* y, const float* x, const float* bias, int rows, int columns) {                     \
        eachBiased(aligned(y, x, bias), bias, rows, columns, [=](auto width, auto b, int64 i) {                        \
            store(y + i, map(load<decltype(width)::value>(x + i) + b, [](float v) { return F::value(v); }));           \
        });                                                                                                            \
    }                                                                                                                  \
    KERNEL bias_unary_##name##_backward(float* dx, const float* dy, const float* x, const float* bias, int rows,       \
                                        int columns, int add) {                                                        \
        eachBiased(aligned(dx, dy, x, bias), bias, rows, columns, [=](auto width, auto b, int64 i) {                   \
            constexpr int V = decltype(width)::value;                                                                  \
            auto slopes = map(load<V>(x + i) + b, [](float v) { return F::slope(v); });                                \
            put(dx + i, load<V>(dy + i) * slopes, add);                                                                \
        });                                                                                                            \
    }

UNARY(gelu_tanh, GeluTanh)
UNARY(gelu_erf, GeluErf)
UNARY(relu, Relu)
UNARY(silu, Silu)
UNARY(tanh, Tanh)
UNARY(sigmoid, Sigmoid)
UNARY(sqrt, Sqrt)

// ---- dropout --------------------------------------------------------------------------------------------------------

// y[i] (+)= x[i] · keep where number i of the stream is at least p, else 0, with keep = 1 / (1 − p). A thread's run of
// four is one block of Philox; runs start at multiples of four.
KERNEL dropout(float* y, const float* x, float p, float keep, int64 seed, int64 stream, int add, int64 n) {
    sweep(n, aligned(y, x), [=](auto width, int64 i) {
        constexpr int V = decltype(width)::value;
        Run<V> chance;
        if constexpr (V == 4) {
            uint4 words = philox(seed, stream, i >> 2);
            chance.at[0] = uniform(words.x), chance.at[1] = uniform(words.y);
            chance.at[2] = uniform(words.z), chance.at[3] = uniform(words.w);
        } else {
            chance.at[0] = uniform(seed, stream, i);
        }
        put(y + i, map(load<V>(x + i), chance, [=](float v, float u) { return u >= p ? v * keep : 0.0f; }), add);
    });
}
